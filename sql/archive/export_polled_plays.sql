-- One row per polled play of a month's partition.
SELECT user_id, played_at, spotify_id, duration_ms, polled_at, context_type, context_uri
FROM {partition}
ORDER BY user_id, played_at, spotify_id COLLATE "C"
