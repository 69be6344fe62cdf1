-- One row per further id of a relinked track. The track itself gets the id that is kept.
UPDATE tracks AS t
SET spotify_id = r.kept_id, updated_at = now()
FROM relinked_ids AS r
WHERE t.spotify_id = r.spotify_id AND r.spotify_id <> r.kept_id;

DELETE FROM track_aliases AS alias USING relinked_ids AS r WHERE alias.spotify_id = r.kept_id;

INSERT INTO track_aliases (spotify_id, track_id)
SELECT r.spotify_id, t.id
FROM relinked_ids AS r
JOIN tracks AS t ON t.spotify_id = r.kept_id
WHERE r.spotify_id <> r.kept_id
ON CONFLICT (spotify_id) DO UPDATE SET track_id = excluded.track_id;
