-- One row per merged track that nothing refers to any more.
DELETE FROM tracks AS t
WHERE t.merged_into IS NOT NULL
  AND NOT EXISTS (SELECT FROM listening_events AS e WHERE e.track_id = t.id)
  AND NOT EXISTS (SELECT FROM user_track_stats AS s WHERE s.track_id = t.id)
  AND NOT EXISTS (SELECT FROM spotify_top_tracks AS listed WHERE listed.track_id = t.id)
