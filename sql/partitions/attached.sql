-- One row per partition of a table, of those with the names if any are given.
SELECT child.relname
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = %(table)s::text::regclass
  AND (%(names)s::text[] IS NULL OR child.relname = ANY (%(names)s::name[]))
