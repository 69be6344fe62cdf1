-- One row per year of release of what was played, and one without a year for the rest.
WITH counted AS MATERIALIZED (
    {counted}
)
SELECT left(albums.release_date, 4)::integer AS year, sum(c.play_count)::bigint AS play_count,
       sum(c.total_ms)::bigint AS total_ms
FROM counted AS c
LEFT JOIN (SELECT id, album_id FROM tracks WHERE id = ANY (ARRAY(SELECT track_id FROM counted))) AS t
    ON t.id = c.track_id
LEFT JOIN albums ON albums.id = t.album_id AND albums.release_date ~ '^[0-9][0-9][0-9][0-9]'
GROUP BY year
ORDER BY year
