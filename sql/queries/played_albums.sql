-- One row per album that was played. The tracks are looked up all at once; for the join see queries/played_artists.
SELECT t.album_id AS id, count(*) AS recordings, sum(c.play_count)::bigint AS play_count,
       sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
FULL JOIN (SELECT id, album_id
           FROM tracks
           WHERE id = ANY (ARRAY(SELECT track_id FROM counted))) AS t ON t.id = c.track_id
GROUP BY t.album_id
HAVING count(t.album_id) > 0
