-- One row per play of a month, as exports contain it.
INSERT INTO {partition} (user_id, played_at, export_track_id, ms_played, context_id)
SELECT user_id, played_at, export_track_id, ms_played, context_no + %(first_context)s
FROM ({plays}) AS plays
ORDER BY user_id, played_at
