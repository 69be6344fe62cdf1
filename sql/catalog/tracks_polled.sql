-- One row per track that is new because it was polled. It has no name until metadata or an export gives one.
WITH added AS (
    INSERT INTO tracks (spotify_id)
    SELECT DISTINCT spotify_id FROM ({catalog/unknown_polled_ids}) AS unknown
    RETURNING id
)
INSERT INTO new_tracks (track_id) SELECT id FROM added
