-- One row: whether a search has found the track that account data names. If so, queues the names for the catalog.
WITH landed AS (
    INSERT INTO track_searches AS known (track_key, artist_key, spotify_id, searched_at)
    VALUES (%(track_key)s, %(artist_key)s, %(spotify_id)s, %(now)s)
    ON CONFLICT (track_key, artist_key) DO UPDATE
    SET spotify_id = coalesce(known.spotify_id, excluded.spotify_id), searched_at = excluded.searched_at
    RETURNING spotify_id
), queued AS (
    INSERT INTO pending_export_tracks (first_id, last_id)
    SELECT e.id, e.id
    FROM export_tracks AS e, landed
    WHERE landed.spotify_id IS NOT NULL AND e.spotify_id IS NULL AND e.kind = 'TRACK'
      AND e.track_key = %(track_key)s AND e.artist_key = %(artist_key)s
    ORDER BY e.id
    ON CONFLICT (first_id, last_id) DO UPDATE SET first_id = excluded.first_id
)
SELECT spotify_id IS NOT NULL FROM landed
