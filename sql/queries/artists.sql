-- One row per artist: the name and the picture to show, and what a user ever played of it.
SELECT a.id, a.name, NULL::text AS artist, a.id AS artist_id, NULL::bigint AS album_id, NULL::text AS album,
       a.image_url, a.spotify_id, NULL::integer AS duration_ms,
       ever.play_count, ever.total_ms, ever.first_played_at, ever.last_played_at
FROM artists AS a
LEFT JOIN user_artist_stats AS ever ON ever.user_id = %(user_id)s AND ever.artist_id = a.id
WHERE a.id = ANY (%(ids)s)
