-- One row: whether an entity is gone, because Spotify did not know it several times, each some days after the last.
INSERT INTO metadata_refresh_log AS log (entity_type, entity_id, next_refresh_at, not_found, last_error)
VALUES (%(entity_type)s, %(entity_id)s, %(now)s + %(pause)s::interval, 1, %(error)s)
ON CONFLICT (entity_type, entity_id) DO UPDATE
SET next_refresh_at = %(now)s + CASE WHEN log.not_found + 1 < %(needed)s THEN %(pause)s::interval
                                     ELSE %(refresh_after)s::interval END,
    not_found = log.not_found + 1,
    error_count = 0,
    last_error = excluded.last_error
RETURNING not_found >= %(needed)s
