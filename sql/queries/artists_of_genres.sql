-- One row per genre of artists whom a user ever played: these artists.
SELECT genre, array_agg(a.id) AS artists
FROM user_artist_stats AS s
JOIN artists AS a ON a.id = s.artist_id
CROSS JOIN unnest(a.genres) AS genre
WHERE s.user_id = %(user_id)s
GROUP BY genre
