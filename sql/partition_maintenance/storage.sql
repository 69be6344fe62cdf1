-- One row per partition of a table whose storage settings are not exactly the given ones: the settings that it has.
SELECT child.relname::text, coalesce(child.reloptions, '{}')
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = %(table)s::text::regclass
  AND ARRAY(SELECT setting FROM unnest(coalesce(child.reloptions, '{}')) AS setting ORDER BY setting)
      <> ARRAY(SELECT setting FROM unnest(%(settings)s::text[]) AS setting ORDER BY setting)
ORDER BY child.relname
