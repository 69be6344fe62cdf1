-- One row per partition of a table that does not have these settings, all of them and no others: the settings that it has.
SELECT child.relname::text, coalesce(child.reloptions, '{}')
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = %(table)s::text::regclass
  AND ARRAY(SELECT unnest(coalesce(child.reloptions, '{}')) ORDER BY 1) <> ARRAY(SELECT unnest(%(settings)s::text[]) ORDER BY 1)
ORDER BY child.relname
