-- One row per rank: the most played artists of a genre.
SELECT artists.name, NULL::text AS artist, top.play_count, top.total_ms
FROM user_artist_stats AS top
JOIN artists ON artists.id = top.artist_id
WHERE top.user_id = %(user_id)s AND artists.genres @> ARRAY[%(genre)s::text]
ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id
LIMIT %(each)s
