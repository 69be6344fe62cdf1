-- One row per stale UTC month and track.
INSERT INTO fresh_track_months (month, track_id, play_count, total_ms, last_played_at)
SELECT month, track_id, count(*), sum(ms_played), max(played_at)
FROM local_plays
WHERE month = ANY (%(months)s)
GROUP BY month, track_id
ORDER BY month, track_id
