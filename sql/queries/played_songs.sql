-- One row per song that was played, named by the least of its tracks that were. Only the tracks of songs of which the
-- user ever played several are looked up; any other is its song's only one.
WITH joined AS MATERIALIZED (
    SELECT t.id AS track_id, t.song_id
    FROM user_song_sums AS s
    JOIN tracks AS t ON t.song_id = s.song_id
    WHERE s.user_id = %(user_id)s
)
SELECT min(c.track_id) AS id, count(*) AS recordings, sum(c.play_count)::bigint AS play_count,
       sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
JOIN joined ON joined.track_id = c.track_id
GROUP BY joined.song_id
UNION ALL
SELECT c.track_id, 1, c.play_count, c.total_ms
FROM counted AS c
WHERE NOT EXISTS (SELECT FROM joined WHERE joined.track_id = c.track_id)
