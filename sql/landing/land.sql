-- One row per month that gained plays, or more knowledge of plays that it had: the number of each. Compares month by
-- month, so that each comparison stays small. The user's lock keeps other sessions from landing the same plays
-- meanwhile.
WITH compared AS MATERIALIZED (
    SELECT arriving.month, fresh.played_at, fresh.stopped_at, fresh.export_track_id, fresh.ms_played, fresh.context_id,
           fresh.elapsed_s, fresh.is_known
    FROM unnest(%(months)s::date[]) AS arriving (month)
    CROSS JOIN LATERAL (
        SELECT a.played_at, a.stopped_at, a.export_track_id, a.ms_played, a.context_id, a.elapsed_s,
               known.user_id IS NOT NULL AS is_known
        FROM arriving_plays AS a
        LEFT JOIN imported_plays AS known
               ON known.user_id = %(user_id)s
              AND known.played_at >= arriving.month::timestamptz
              AND known.played_at < (arriving.month + interval '1 month')::timestamptz
              AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
              AND known.played_at = a.played_at AND known.export_track_id = a.export_track_id
              AND known.ms_played IS NOT DISTINCT FROM a.ms_played
              AND known.stopped_at IS NOT DISTINCT FROM a.stopped_at
        WHERE a.month = arriving.month
          AND (known.user_id IS NULL
               OR ((known.elapsed_s, known.context_id) IS DISTINCT FROM (a.elapsed_s, a.context_id)
                   AND ({landing/is_richer})))
    ) AS fresh
), added AS (
    INSERT INTO imported_plays
        (user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id)
    SELECT %(user_id)s, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, %(job_id)s
    FROM compared
    WHERE NOT is_known
), completed AS (
    UPDATE imported_plays AS known
    SET context_id = c.context_id, elapsed_s = c.elapsed_s
    FROM compared AS c
    WHERE c.is_known AND known.user_id = %(user_id)s
      AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
      AND known.played_at = c.played_at AND known.export_track_id = c.export_track_id
      AND known.ms_played IS NOT DISTINCT FROM c.ms_played
      AND known.stopped_at IS NOT DISTINCT FROM c.stopped_at
)
SELECT month, count(*) FILTER (WHERE NOT is_known) AS added, count(*) FILTER (WHERE is_known) AS completed
FROM compared
GROUP BY month
