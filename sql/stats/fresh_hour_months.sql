-- One row per stale UTC month and local hour.
INSERT INTO fresh_hour_months (month, hour, play_count, total_ms)
SELECT month, hour, count(*), sum(ms_played)
FROM local_plays
WHERE month = ANY (%(months)s)
GROUP BY month, hour
