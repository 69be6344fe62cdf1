-- One row per artist that was played. A play counts for every credited artist. The tracks are looked up all at once,
-- and joined in full: a nested loop, which such a join cannot be, would look up all of them for each.
SELECT credit.artist_id AS id, count(*) AS recordings, sum(c.play_count)::bigint AS play_count,
       sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
FULL JOIN (SELECT track_id, artist_id
           FROM track_artists
           WHERE track_id = ANY (ARRAY(SELECT track_id FROM counted))) AS credit ON credit.track_id = c.track_id
GROUP BY credit.artist_id
HAVING count(credit.artist_id) > 0
