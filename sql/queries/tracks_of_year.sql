-- One row per track that was played as often, or long, as a row of years says, or more, in the local year of the row.
SELECT plays.track_id AS id, sum(plays.play_count)::bigint AS play_count, sum(plays.total_ms)::bigint AS total_ms
FROM ({queries/plays_of_year}) AS plays
GROUP BY plays.track_id
HAVING sum(plays.{first}) >= years.least AND sum(plays.play_count) > 0
