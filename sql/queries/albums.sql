-- One row per album: the names and the picture to show, and what a user ever played of it.
SELECT a.id, a.name, by.name AS artist, by.id AS artist_id, a.id AS album_id, a.name AS album,
       a.image_url, a.spotify_id, NULL::integer AS duration_ms,
       ever.play_count, ever.total_ms, ever.first_played_at, ever.last_played_at
FROM albums AS a
LEFT JOIN artists AS by ON by.name_key = a.artist_key AND by.is_canonical_for_name
LEFT JOIN user_album_stats AS ever ON ever.user_id = %(user_id)s AND ever.album_id = a.id
WHERE a.id = ANY (%(ids)s)
