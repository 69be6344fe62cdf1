-- One row per genre that was played. A play counts for each genre of its artists once.
WITH counted AS MATERIALIZED (
    {counted}
), credits AS MATERIALIZED (
    SELECT track_id, artist_id
    FROM track_artists
    WHERE track_id = ANY (ARRAY(SELECT track_id FROM counted))
), several AS MATERIALIZED (
    SELECT track_id FROM credits GROUP BY track_id HAVING count(*) > 1
), by_artist AS (
    SELECT credits.artist_id, sum(c.play_count) AS play_count, sum(c.total_ms) AS total_ms
    FROM counted AS c
    JOIN credits ON credits.track_id = c.track_id
    WHERE NOT EXISTS (SELECT FROM several WHERE several.track_id = c.track_id)
    GROUP BY credits.artist_id
)
SELECT genre, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT genre, by_artist.play_count, by_artist.total_ms
      FROM by_artist
      JOIN artists ON artists.id = by_artist.artist_id
      CROSS JOIN unnest(artists.genres) AS genre
      UNION ALL
      SELECT genre, c.play_count, c.total_ms
      FROM (SELECT DISTINCT several.track_id, genre
            FROM several
            JOIN credits ON credits.track_id = several.track_id
            JOIN artists ON artists.id = credits.artist_id
            CROSS JOIN unnest(artists.genres) AS genre) AS of_track
      JOIN counted AS c ON c.track_id = of_track.track_id) AS played
GROUP BY genre
ORDER BY CASE WHEN %(by_time)s THEN sum(total_ms) ELSE sum(play_count) END DESC,
         CASE WHEN %(by_time)s THEN sum(play_count) ELSE sum(total_ms) END DESC, genre COLLATE "C"
