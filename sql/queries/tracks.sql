-- One row per track: the names and the picture to show, and what a user ever played of it.
SELECT t.id, named.name, named.artist,
       (SELECT credit.artist_id FROM track_artists AS credit
        WHERE credit.track_id = t.id ORDER BY credit.position, credit.artist_id LIMIT 1) AS artist_id,
       t.album_id, albums.name AS album, albums.image_url, t.spotify_id, t.duration_ms,
       ever.play_count, ever.total_ms, ever.first_played_at, ever.last_played_at
FROM tracks AS t
JOIN named_tracks AS named ON named.id = t.id
LEFT JOIN albums ON albums.id = t.album_id
LEFT JOIN user_track_stats AS ever ON ever.user_id = %(user_id)s AND ever.track_id = t.id
WHERE t.id = ANY (%(ids)s)
