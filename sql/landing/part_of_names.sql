-- One row per names (export_tracks) of one part of the upload that landing does not have. All writes are ordered, so
-- that two uploads never wait for each other.
WITH named AS (
    INSERT INTO export_tracks (kind, spotify_id, track_name, artist_name, album_name, last_played_at)
    SELECT t.kind, t.spotify_id, t.track_name, t.artist_name, t.album_name, n.last_played_at
    FROM staged_names AS n
    JOIN staged_tracks AS t USING (track_no)
    WHERE n.part = {part}
      AND NOT EXISTS (SELECT FROM export_tracks AS known WHERE known.fingerprint = n.fingerprint)
    ORDER BY n.fingerprint
    ON CONFLICT (fingerprint) DO NOTHING
    RETURNING id
)
INSERT INTO pending_export_tracks (first_id, last_id) -- another upload that lands some of the names adds its own entry
SELECT min(id), max(id) FROM named HAVING count(*) > 0
ON CONFLICT DO NOTHING;

WITH later AS (
    SELECT known.id, n.last_played_at
    FROM staged_names AS n
    JOIN export_tracks AS known USING (fingerprint)
    WHERE n.part = {part} AND known.last_played_at < n.last_played_at
    ORDER BY known.fingerprint
    FOR NO KEY UPDATE OF known
), renewed AS (
    UPDATE export_tracks AS known
    SET last_played_at = later.last_played_at
    FROM later
    WHERE known.id = later.id AND known.last_played_at < later.last_played_at
    RETURNING known.id
)
INSERT INTO pending_export_tracks (first_id, last_id)
SELECT id, id FROM renewed ORDER BY id
ON CONFLICT (first_id, last_id) DO UPDATE SET first_id = excluded.first_id;
