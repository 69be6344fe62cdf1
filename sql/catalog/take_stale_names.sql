-- One row per export_tracks row that landed or was played again since the catalog last looked, into stale_names.
-- Taking the marks first, and reading the names afterwards, waits for a landing that is about to renew one.
WITH next AS MATERIALIZED ( -- in the order in which landing marks them, so that neither waits for the other in a circle
    SELECT export_track_id FROM stale_export_tracks ORDER BY export_track_id FOR UPDATE
), taken AS (
    DELETE FROM stale_export_tracks AS stale USING next WHERE stale.export_track_id = next.export_track_id
    RETURNING stale.export_track_id
)
INSERT INTO stale_names SELECT export_track_id FROM taken;

ANALYZE stale_names;
