-- One track per Spotify id of which a whole payload landed, as of a top list, and that the catalog does not know.
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
INSERT INTO new_tracks SELECT id FROM added
