-- One row per table, of those named, that a role may not read and write yet.
SELECT c.relname
FROM pg_class AS c
WHERE c.relname = ANY (%(tables)s) AND c.relnamespace = current_schema()::text::regnamespace
  AND NOT (has_table_privilege(%(role)s, c.oid, 'SELECT') AND has_table_privilege(%(role)s, c.oid, 'INSERT')
           AND has_table_privilege(%(role)s, c.oid, 'UPDATE') AND has_table_privilege(%(role)s, c.oid, 'DELETE')
           AND has_schema_privilege(%(role)s, c.relnamespace, 'USAGE'))
ORDER BY c.relname
