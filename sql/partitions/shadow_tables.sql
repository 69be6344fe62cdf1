-- One row per table that is being, or was left, built aside.
SELECT relname::text FROM pg_class WHERE relnamespace = 'shadow'::regnamespace AND relkind = 'r' ORDER BY relname
