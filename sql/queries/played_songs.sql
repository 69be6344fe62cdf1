-- One row per song that was played, named by the least of its tracks that were. Only a song of which the user played
-- several tracks has to be looked up.
WITH joined AS MATERIALIZED (
    SELECT t.id AS track_id, t.song_id
    FROM user_song_sums AS s
    JOIN tracks AS t ON t.song_id = s.song_id
    WHERE s.user_id = %(user_id)s
)
SELECT min(c.track_id) AS id, count(*) AS recordings, sum(c.play_count)::bigint AS play_count,
       sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
LEFT JOIN joined ON joined.track_id = c.track_id
GROUP BY coalesce(-joined.song_id, c.track_id)
