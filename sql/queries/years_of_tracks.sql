-- One row per local year and track that was played in it.
SELECT track_id AS id, year, play_count, total_ms FROM plays
