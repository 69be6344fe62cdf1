-- One row per day and rank of Spotify's top artists of a term, of some days.
SELECT h.listed_on, h.rank, artists.id
FROM spotify_top_artist_history AS h
LEFT JOIN artists ON artists.spotify_id = h.spotify_id
WHERE h.user_id = %(user_id)s AND h.term = %(term)s::term AND h.listed_on BETWEEN %(first_day)s AND %(last_day)s
  AND h.rank <= %(each)s
ORDER BY h.listed_on, h.rank
