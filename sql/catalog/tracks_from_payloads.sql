-- One row per track that is new because a complete payload of it landed, for example with a top list.
WITH added AS (
    INSERT INTO tracks (spotify_id)
    SELECT o.spotify_id
    FROM pending_objects
    JOIN spotify_objects AS o USING (object_type, spotify_id)
    WHERE o.object_type = 'track' AND o.is_full
      AND NOT EXISTS (SELECT FROM tracks AS known WHERE known.spotify_id = o.spotify_id)
      AND NOT EXISTS (SELECT FROM track_aliases AS known WHERE known.spotify_id = o.spotify_id)
    RETURNING id
)
INSERT INTO new_tracks (track_id) SELECT id FROM added
