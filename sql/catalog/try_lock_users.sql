-- One row: whether all users could be locked at once, so that no events are being derived and no statistics refreshed.
SELECT coalesce(bool_and(pg_try_advisory_xact_lock(hashtextextended('myi:user:' || id, 0))), true) FROM users
