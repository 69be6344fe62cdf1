-- One row per export_tracks row that landed or was played again since the catalog last looked, into pending_names.
-- Taking the marks first, and reading the names afterwards, waits for a landing that is about to renew one.
WITH next AS MATERIALIZED ( -- in the order in which landing marks them, so that neither waits for the other in a circle
    SELECT first_id, last_id FROM pending_export_tracks ORDER BY first_id, last_id FOR UPDATE
), taken AS (
    DELETE FROM pending_export_tracks AS stale USING next WHERE (stale.first_id, stale.last_id) = (next.first_id, next.last_id)
    RETURNING stale.first_id, stale.last_id
)
INSERT INTO pending_names
SELECT DISTINCT export_track_id FROM taken CROSS JOIN LATERAL generate_series(first_id, last_id) AS export_track_id;

ANALYZE pending_names;
