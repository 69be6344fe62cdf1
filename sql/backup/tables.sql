-- One row per table of the warehouse, partitions left out, whose rows a backup contains.
SELECT c.relname
FROM pg_class AS c
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = %(schema)s::text::regnamespace
ORDER BY c.relname
