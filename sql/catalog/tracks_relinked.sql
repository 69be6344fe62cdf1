-- One row per track that is new or merged into another, because Spotify says that its ids belong to one track.
WITH known AS (
    SELECT DISTINCT ON (r.kept_id) r.kept_id, t.id
    FROM relinked_ids AS r
    JOIN tracks AS t USING (spotify_id)
    ORDER BY r.kept_id, t.spotify_id = r.kept_id DESC, t.id
), added AS (
    INSERT INTO tracks (spotify_id)
    SELECT DISTINCT kept_id FROM relinked_ids WHERE kept_id NOT IN (SELECT kept_id FROM known)
    RETURNING id
), merged AS (
    INSERT INTO merged_tracks (track_id, into_id)
    SELECT t.id, known.id
    FROM relinked_ids
    JOIN tracks AS t USING (spotify_id)
    JOIN known USING (kept_id)
    WHERE t.id <> known.id
    RETURNING track_id
), listed AS (
    INSERT INTO new_tracks (track_id) SELECT id FROM added
)
SELECT id FROM added UNION ALL SELECT track_id FROM merged
