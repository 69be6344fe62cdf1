-- One row per rank of Spotify's latest top artists of a term, with the rank in the list of an earlier day.
SELECT now_listed.rank, now_listed.artist_id AS id, now_listed.fetched_at, earlier.rank AS rank_before
FROM spotify_top_artists AS now_listed
JOIN artists ON artists.id = now_listed.artist_id
LEFT JOIN spotify_top_artist_history AS earlier
    ON earlier.user_id = now_listed.user_id AND earlier.term = now_listed.term
    AND earlier.listed_on = (SELECT max(listed_on) FROM spotify_top_artist_history
                             WHERE user_id = %(user_id)s AND term = %(term)s::term AND listed_on < %(before)s)
    AND earlier.spotify_id = artists.spotify_id
WHERE now_listed.user_id = %(user_id)s AND now_listed.term = %(term)s::term
ORDER BY now_listed.rank
