-- One row per table that a table's foreign keys refer to.
SELECT DISTINCT referenced.relname::text AS relname
FROM pg_constraint AS key
JOIN pg_class AS referenced ON referenced.oid = key.confrelid
WHERE key.conrelid = %s::text::regclass AND key.contype = 'f'
ORDER BY relname
