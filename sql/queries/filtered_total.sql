-- One row: what was played of some tracks.
SELECT coalesce(sum(play_count), 0)::bigint AS play_count, coalesce(sum(total_ms), 0)::bigint AS total_ms
FROM ({counted}) AS counted
