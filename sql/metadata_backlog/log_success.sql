-- One row per entity for which Spotify sent an answer.
INSERT INTO metadata_refresh_log AS log (entity_type, entity_id, refreshed_at, next_refresh_at)
SELECT entity_type, entity_id, %(now)s, next_refresh_at
FROM unnest(%(entity_type)s::text[], %(entity_id)s::bigint[], %(next_refresh_at)s::timestamptz[])
    AS entity (entity_type, entity_id, next_refresh_at)
ORDER BY entity_type, entity_id
ON CONFLICT (entity_type, entity_id) DO UPDATE
SET refreshed_at = excluded.refreshed_at, next_refresh_at = excluded.next_refresh_at, error_count = 0, not_found = 0,
    last_error = NULL
