-- One row per arriving play of a month, for the month's new partition.
INSERT INTO {partition} (user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id)
SELECT %(user_id)s, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, %(job_id)s
FROM arriving_plays
WHERE month = %(month)s
