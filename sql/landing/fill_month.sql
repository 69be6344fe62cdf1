-- The arriving plays of one month, into its new partition.
INSERT INTO {partition} (user_id, played_at, stopped_at, export_track_id, ms_played, context_id)
SELECT %(user_id)s, played_at, stopped_at, export_track_id, ms_played, context_id
FROM arriving_plays
WHERE month = %(month)s
