-- One row: bytes of a table, its partitions and all their indexes.
SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint AS bytes
FROM pg_partition_tree(%s::regclass)
