-- One row per track and credited artist, in the order of the credits.
SELECT credit.track_id, artists.id, artists.name
FROM track_artists AS credit
JOIN artists ON artists.id = credit.artist_id
WHERE credit.track_id = ANY (%(ids)s)
ORDER BY credit.track_id, credit.position, artists.id
