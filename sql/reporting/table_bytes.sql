-- One row: bytes of a table with its indexes, those of its partitions too.
SELECT pg_total_relation_size(%(table)s::regclass)
       + (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint
          FROM pg_partition_tree(%(table)s::regclass)
          WHERE relid <> %(table)s::regclass) AS bytes
