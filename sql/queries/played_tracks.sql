-- One row per track that was played.
SELECT track_id AS id, 1::bigint AS recordings, play_count, total_ms FROM counted
