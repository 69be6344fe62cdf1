-- One row per local year and track that was played in it.
SELECT track_id AS id, year, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM plays
GROUP BY track_id, year
