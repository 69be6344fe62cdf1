-- One row per year of release of what was played, and one without a year for the rest. For the join of tracks see
-- queries/played_artists.
WITH counted AS MATERIALIZED (
    {counted}
), by_album AS (
    SELECT t.album_id, sum(c.play_count) AS play_count, sum(c.total_ms) AS total_ms
    FROM counted AS c
    FULL JOIN (SELECT id, album_id FROM tracks WHERE id = ANY (ARRAY(SELECT track_id FROM counted))) AS t
        ON t.id = c.track_id
    GROUP BY t.album_id
)
SELECT left(albums.release_date, 4)::integer AS year, sum(by_album.play_count)::bigint AS play_count,
       sum(by_album.total_ms)::bigint AS total_ms
FROM by_album
LEFT JOIN albums ON albums.id = by_album.album_id AND albums.release_date ~ '^[0-9][0-9][0-9][0-9]'
GROUP BY year
ORDER BY year
