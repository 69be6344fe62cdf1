-- One row per ordinary table of a schema: dropped one by one, they need no more locks at once than there are.
SELECT c.relname
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relispartition AND c.relnamespace = %(schema)s::text::regnamespace
ORDER BY c.relname
