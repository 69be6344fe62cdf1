-- stale_names: one row per export_tracks row that landed or was played again since the catalog last looked.
-- Taking the marks first, and reading the names afterwards, waits for a landing that is about to renew one.
CREATE TEMPORARY TABLE stale_names (export_track_id bigint PRIMARY KEY) ON COMMIT DROP;

WITH taken AS (DELETE FROM stale_export_tracks RETURNING export_track_id)
INSERT INTO stale_names SELECT export_track_id FROM taken;

-- Tracks that this synchronization adds: nobody has statistics for them yet.
CREATE TEMPORARY TABLE new_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;

ANALYZE stale_names;
