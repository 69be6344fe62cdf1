-- One row per rank of Spotify's latest top tracks of a term, with the rank in the list of an earlier day.
SELECT now_listed.rank, now_listed.track_id AS id, now_listed.fetched_at, earlier.rank AS rank_before
FROM spotify_top_tracks AS now_listed
LEFT JOIN LATERAL (SELECT h.rank
                   FROM spotify_top_track_history AS h
                   WHERE h.user_id = now_listed.user_id AND h.term = now_listed.term
                     AND h.listed_on = (SELECT max(listed_on) FROM spotify_top_track_history
                                        WHERE user_id = %(user_id)s AND term = %(term)s::term
                                          AND listed_on < %(before)s)
                     AND h.spotify_id IN (SELECT spotify_id FROM tracks WHERE id = now_listed.track_id
                                          UNION ALL
                                          SELECT spotify_id FROM track_aliases WHERE track_id = now_listed.track_id)
                   ORDER BY h.rank
                   LIMIT 1) AS earlier ON TRUE
WHERE now_listed.user_id = %(user_id)s AND now_listed.term = %(term)s::term
ORDER BY now_listed.rank
