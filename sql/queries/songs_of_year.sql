-- One row per song that was played as often, or long, as a row of years says, or more, in the local year of the row;
-- its number is the least of its tracks that were. For the songs see queries/played_songs.
WITH joined AS MATERIALIZED (
    SELECT t.id AS track_id, t.song_id
    FROM user_song_sums AS s
    JOIN tracks AS t ON t.song_id = s.song_id
    WHERE s.user_id = %(user_id)s
), counted AS MATERIALIZED (
    SELECT plays.track_id, sum(plays.play_count)::bigint AS play_count, sum(plays.total_ms)::bigint AS total_ms
    FROM ({queries/plays_of_year}) AS plays
    GROUP BY plays.track_id
    HAVING sum(plays.play_count) > 0
)
SELECT min(c.track_id) AS id, sum(c.play_count)::bigint AS play_count, sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
JOIN joined ON joined.track_id = c.track_id
GROUP BY joined.song_id
HAVING sum(c.{first}) >= years.least
UNION ALL
SELECT c.track_id, c.play_count, c.total_ms
FROM counted AS c
WHERE c.{first} >= years.least AND NOT EXISTS (SELECT FROM joined WHERE joined.track_id = c.track_id)
