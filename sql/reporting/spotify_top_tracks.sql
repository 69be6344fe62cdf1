-- One row per user and rank of Spotify's top tracks over four weeks.
SELECT users.name AS "user", top.rank, coalesce(tracks.name, tracks.spotify_id, '?') AS name
FROM spotify_top_tracks AS top
JOIN users ON users.id = top.user_id
JOIN tracks ON tracks.id = top.track_id
WHERE top.user_id = ANY (%(user_ids)s) AND top.term = 'SHORT_TERM' AND top.rank <= %(each)s
ORDER BY users.name, top.rank
