-- One row per user and rank of Spotify's top artists over four weeks.
SELECT users.name AS "user", top.rank, artists.name
FROM spotify_top_artists AS top
JOIN users ON users.id = top.user_id
JOIN artists ON artists.id = top.artist_id
WHERE top.user_id = ANY (%(user_ids)s) AND top.term = 'SHORT_TERM' AND top.rank <= %(each)s
ORDER BY users.name, top.rank
