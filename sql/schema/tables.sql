-- One row per table and view of the warehouse, partitions and yoyo's own left out: what schema/tables.py calls a Table.
SELECT jsonb_build_object(
           'name', c.relname,
           'comment', obj_description(c.oid, 'pg_class'),
           'columns', (SELECT jsonb_agg(jsonb_build_object(
                                  'name', a.attname,
                                  'type', replace(format_type(a.atttypid, a.atttypmod),
                                                  'timestamp with time zone', 'timestamptz'),
                                  'is_nullable', NOT a.attnotnull,
                                  'in_primary_key', a.attnum = ANY (coalesce(key.conkey, '{}')),
                                  'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum)
                       FROM pg_attribute AS a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_class AS c
LEFT JOIN pg_constraint AS key ON key.conrelid = c.oid AND key.contype = 'p'
WHERE c.relnamespace = current_schema()::text::regnamespace
  AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relname !~ '^_?yoyo'
ORDER BY c.relname COLLATE "C"
