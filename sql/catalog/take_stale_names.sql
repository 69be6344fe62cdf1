-- One row per export_tracks row that landed or was played again since the catalog last looked, into stale_names.
-- Taking the marks first, and reading the names afterwards, waits for a landing that is about to renew one.
WITH taken AS (DELETE FROM stale_export_tracks RETURNING export_track_id)
INSERT INTO stale_names SELECT export_track_id FROM taken;

ANALYZE stale_names;
