-- changed_albums: one row per known track that moves to another album, and per merged track that follows the one it is
-- merged into. Read before the tracks are renamed.
CREATE TEMPORARY TABLE changed_albums ON COMMIT DROP AS
SELECT t.id AS track_id, t.album_id AS old_album_id, c.album_id
FROM current_names AS c
JOIN tracks AS t ON t.id = c.track_id
WHERE t.album_id IS DISTINCT FROM c.album_id
  AND NOT EXISTS (SELECT FROM new_tracks AS n WHERE n.track_id = t.id)
UNION ALL
SELECT t.id, t.album_id, c.album_id
FROM current_names AS c
JOIN tracks AS t ON t.merged_into = c.track_id
WHERE t.album_id IS DISTINCT FROM c.album_id
