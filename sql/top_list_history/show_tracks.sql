-- One row per user, term and rank of the latest lists. For two ids of one track the better rank is shown.
INSERT INTO spotify_top_tracks (user_id, term, rank, track_id, fetched_at)
SELECT DISTINCT ON (kept.user_id, kept.term, known.track_id)
       kept.user_id, kept.term, kept.rank, known.track_id, users.top_stats_refreshed_at
FROM users
JOIN spotify_top_track_history AS kept
  ON kept.user_id = users.id AND kept.listed_on = (users.top_stats_refreshed_at AT TIME ZONE 'UTC')::date
JOIN (SELECT spotify_id, id AS track_id FROM tracks
      UNION ALL
      SELECT spotify_id, track_id FROM track_aliases) AS known ON known.spotify_id = kept.spotify_id
WHERE users.id = %(user_id)s
ORDER BY kept.user_id, kept.term, known.track_id, kept.rank
