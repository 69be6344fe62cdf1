-- pending_names: one row per export_tracks row of a track that landed, or was played again, since the last
-- synchronization. The entries are taken before the names are read, so a landing that is about to write an entry again
-- is waited for.
WITH next AS MATERIALIZED ( -- in the order in which landing writes them, so that the two never wait for each other
    SELECT first_id, last_id FROM pending_export_tracks ORDER BY first_id, last_id FOR UPDATE
), taken AS (
    DELETE FROM pending_export_tracks AS pending
    USING next
    WHERE (pending.first_id, pending.last_id) = (next.first_id, next.last_id)
    RETURNING pending.first_id, pending.last_id
)
INSERT INTO pending_names (export_track_id)
SELECT DISTINCT export_track_id
FROM taken
CROSS JOIN LATERAL generate_series(first_id, last_id) AS export_track_id
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = export_track_id AND e.kind <> 'TRACK');

ANALYZE pending_names;
