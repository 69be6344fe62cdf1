-- One row per partition in a schema: dropped one by one, they need no more locks at once than a server has.
SELECT c.relname
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relispartition AND c.relnamespace = %(schema)s::text::regnamespace
ORDER BY c.relname
