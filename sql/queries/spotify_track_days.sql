-- One row per day and rank of Spotify's top tracks of a term, of some days.
SELECT h.listed_on, h.rank, coalesce(t.id, alias.track_id) AS id
FROM spotify_top_track_history AS h
LEFT JOIN tracks AS t ON t.spotify_id = h.spotify_id
LEFT JOIN track_aliases AS alias ON alias.spotify_id = h.spotify_id
WHERE h.user_id = %(user_id)s AND h.term = %(term)s::term AND h.listed_on BETWEEN %(first_day)s AND %(last_day)s
  AND h.rank <= %(each)s
ORDER BY h.listed_on, h.rank
