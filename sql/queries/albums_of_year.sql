-- One row per album that was played as often, or long, as a row of years says, or more, in the local year of the row.
WITH album_of AS MATERIALIZED ( -- noqa: ST03
    SELECT s.track_id, t.album_id
    FROM user_track_stats AS s
    JOIN tracks AS t ON t.id = s.track_id
    WHERE s.user_id = %(user_id)s AND t.album_id IS NOT NULL
)
SELECT album_of.album_id AS id, sum(plays.play_count)::bigint AS play_count, sum(plays.total_ms)::bigint AS total_ms
FROM ({queries/plays_of_year}) AS plays
JOIN album_of ON album_of.track_id = plays.track_id
GROUP BY album_of.album_id
HAVING sum(plays.{first}) >= years.least AND sum(plays.play_count) > 0
