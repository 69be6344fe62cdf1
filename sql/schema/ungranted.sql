-- One row per table and view, of those named, that a role may not read yet.
SELECT c.relname
FROM pg_class AS c
WHERE c.relname = ANY (%(tables)s) AND c.relnamespace = current_schema()::text::regnamespace
  AND NOT (has_table_privilege(%(role)s, c.oid, 'SELECT')
           AND has_schema_privilege(%(role)s, c.relnamespace, 'USAGE'))
ORDER BY c.relname
