-- One row: the locks that deriving a slice needs have been taken, in the order in which they are written.
SELECT set_config('synchronous_commit', 'off', true),
       pg_advisory_xact_lock_shared(hashtextextended('myi:archive', 0)),
       pg_advisory_xact_lock_shared(hashtextextended(%(month)s, 0)),
       pg_advisory_xact_lock_shared(hashtextextended(%(user)s, 0)),
       pg_advisory_xact_lock(hashtextextended(%(slice)s, 0))
