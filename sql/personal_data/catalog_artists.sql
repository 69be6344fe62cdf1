-- One row per artist that the user's rows, or their tracks, refer to.
SELECT id AS artist_id, spotify_id, name, genres, image_url
FROM artists
JOIN personal_artists ON personal_artists.artist_id = artists.id
ORDER BY id
