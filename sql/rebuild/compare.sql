-- One row per slice with events, old or new: what becomes of them.
SELECT user_id,
       count(*) FILTER (WHERE known.id IS NULL)                                        AS added,
       count(*) FILTER (WHERE is_moved OR (is_told_anew AND known.source = 'API' AND d.source = 'IMPORT')) AS upgraded,
       count(*) FILTER (WHERE is_told_anew AND NOT is_moved
                          AND NOT (known.source = 'API' AND d.source = 'IMPORT'))      AS updated,
       count(*) FILTER (WHERE d.ms_played IS NULL)                                     AS removed,
       count(*) FILTER (WHERE NOT is_told_anew AND NOT is_moved)                       AS unchanged
FROM month_events AS d
FULL JOIN ({known}) AS known USING (user_id, track_id, played_at)
CROSS JOIN LATERAL (SELECT CASE WHEN known.id IS NOT NULL AND d.ms_played IS NOT NULL
                                THEN (known.ms_played, known.source, known.is_estimated)
                                     IS DISTINCT FROM (d.ms_played, d.source, d.is_estimated)
                           END AS is_told_anew) AS compared
GROUP BY user_id
