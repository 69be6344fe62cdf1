-- One row per table and index, with the bytes of all its partitions. A table includes its out-of-line values.
SELECT coalesce(nullif(pg_partition_root(c.oid), c.oid)::regclass, c.oid::regclass)::text AS relation,
       root.relname::text AS of_table, c.relkind = 'i' AS is_index,
       sum(pg_table_size(c.oid))::bigint AS bytes
FROM pg_class AS c
LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(coalesce(i.indrelid, c.oid)), i.indrelid, c.oid)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
GROUP BY relation, of_table, is_index
ORDER BY of_table, is_index, relation
