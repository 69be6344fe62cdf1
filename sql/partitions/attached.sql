-- One row per partition that is attached to a table; if names are given, only those.
SELECT child.relname
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = %(table)s::text::regclass
  AND (%(names)s::text[] IS NULL OR child.relname = ANY (%(names)s::name[]))
