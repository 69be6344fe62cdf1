-- At most one row: a table of the warehouse, other than those named, that a role, if it exists, may read.
SELECT c.relname
FROM pg_class AS c
JOIN pg_roles AS r ON r.rolname = %(role)s
WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND NOT c.relname = ANY (%(tables)s) AND has_table_privilege(r.oid, c.oid, 'SELECT')
ORDER BY c.relname
LIMIT 1
