-- One row per UTC day into which an upload puts more than 24 hours of plays, the fullest first. Of a play across
-- midnight only the part on its last day counts. Offline plays without a date are left out: they carry the day of their
-- upload.
WITH full_days AS MATERIALIZED (
    SELECT (played_at AT TIME ZONE 'UTC')::date AS day
    FROM arriving_plays
    WHERE elapsed_s IS DISTINCT FROM -1
    GROUP BY day
    HAVING sum(ms_played) > %(day_ms)s
)
SELECT full_days.day, sum(least(p.ms_played, extract(EPOCH FROM p.played_at - starts_at) * 1_000)) / 3_600_000 AS hours
FROM full_days
CROSS JOIN LATERAL (SELECT full_days.day::timestamp AT TIME ZONE 'UTC' AS starts_at) AS bounds
JOIN arriving_plays AS p ON p.played_at >= starts_at AND p.played_at < starts_at + interval '1 day'
WHERE p.elapsed_s IS DISTINCT FROM -1
GROUP BY full_days.day
HAVING sum(least(p.ms_played, extract(EPOCH FROM p.played_at - starts_at) * 1_000)) > %(day_ms)s
ORDER BY hours DESC, full_days.day
