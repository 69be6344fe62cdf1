-- One row per year of release of what was played, and one without a year for the rest.
SELECT left(albums.release_date, 4)::integer AS year, sum(by_album.play_count)::bigint AS play_count,
       sum(by_album.total_ms)::bigint AS total_ms
FROM ({by_album}) AS by_album
LEFT JOIN albums ON albums.id = by_album.album_id AND albums.release_date ~ '^[0-9][0-9][0-9][0-9]'
GROUP BY year
ORDER BY year
