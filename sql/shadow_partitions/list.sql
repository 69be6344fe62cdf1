-- One row per shadow partition: a table that is being built, or that a process which died left behind.
SELECT relname::text FROM pg_class WHERE relnamespace = 'shadow'::regnamespace AND relkind = 'r' ORDER BY relname
