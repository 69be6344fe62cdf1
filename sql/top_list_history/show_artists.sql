-- One row per user, term and rank of the latest lists. An artist that is listed twice keeps the better rank.
INSERT INTO spotify_top_artists (user_id, term, rank, artist_id, fetched_at)
SELECT DISTINCT ON (kept.user_id, kept.term, artists.id)
       kept.user_id, kept.term, kept.rank, artists.id, users.top_stats_refreshed_at
FROM users
JOIN spotify_top_artist_history AS kept
  ON kept.user_id = users.id AND kept.listed_on = (users.top_stats_refreshed_at AT TIME ZONE 'UTC')::date
JOIN artists ON artists.spotify_id = kept.spotify_id
WHERE users.id = %(user_id)s
ORDER BY kept.user_id, kept.term, artists.id, kept.rank
