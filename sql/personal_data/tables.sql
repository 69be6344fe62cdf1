-- One row per table of the warehouse and column that says to which user a row belongs: a user_id, or a foreign key to
-- users. Partitions are part of their table; shadow partitions are tables of their own.
SELECT n.nspname AS schema, c.relname AS name, a.attname AS owner, key.refers AS is_keyed
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_constraint AS k
                                   WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.confrelid = 'users'::regclass
                                     AND k.conkey = ARRAY[a.attnum]) AS refers) AS key
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND (key.refers OR (a.attname = 'user_id' AND n.nspname IN (current_schema(), 'shadow')))
ORDER BY n.nspname <> current_schema(), c.relname, a.attname
