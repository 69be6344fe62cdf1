-- changed_credits: one row per known track that was last played under another artist than the one it credits.
CREATE TEMPORARY TABLE changed_credits ON COMMIT DROP AS
SELECT c.track_id, c.artist_id
FROM current_names AS c
WHERE NOT EXISTS (SELECT FROM new_tracks AS n WHERE n.track_id = c.track_id)
  AND (SELECT array_agg(known.artist_id) FROM track_artists AS known WHERE known.track_id = c.track_id)
      IS DISTINCT FROM CASE WHEN c.artist_id IS NOT NULL THEN ARRAY[c.artist_id] END
