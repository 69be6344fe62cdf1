-- One row per album of what was played, and one without an album for tracks of which none is known. For the join see
-- queries/played_artists.
WITH counted AS MATERIALIZED (
    {counted}
)
SELECT t.album_id, sum(c.play_count)::bigint AS play_count, sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
FULL JOIN (SELECT id, album_id
           FROM tracks
           WHERE id = ANY (ARRAY(SELECT track_id FROM counted))) AS t ON t.id = c.track_id
GROUP BY t.album_id
