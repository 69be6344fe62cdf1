-- One row: rows of a table's partitions except some, as the planner knows them, and their bytes with indexes.
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint AS row_count,
       coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint AS bytes
FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = %(table)s::regclass AND relname <> ALL (%(partitions)s::text[])
