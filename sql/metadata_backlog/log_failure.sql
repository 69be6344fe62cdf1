-- One row: the pause after which an entity that could not be fetched is due again. It doubles with each failure.
INSERT INTO metadata_refresh_log AS log (entity_type, entity_id, next_refresh_at, error_count, last_error)
VALUES (%(entity_type)s, %(entity_id)s, %(now)s + %(pause)s::interval, 1, %(error)s)
ON CONFLICT (entity_type, entity_id) DO UPDATE
SET next_refresh_at = %(now)s + least(%(pause)s::interval * power(2, least(log.error_count, 20)),
                                      %(longest)s::interval),
    error_count = log.error_count + 1,
    last_error = excluded.last_error
RETURNING next_refresh_at - %(now)s
