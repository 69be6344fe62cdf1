-- One row per partition that exists: its rows, and its bytes with indexes. Rows are counted first: new partitions have
-- no statistics, so the planner would count all rows again for each partition.
WITH counted AS MATERIALIZED (
    SELECT tableoid, count(*) AS row_count
    FROM {table}
    WHERE played_at >= %(first)s AND played_at < %(end)s
    GROUP BY tableoid
)
SELECT relname::text, coalesce(row_count, 0) AS row_count, pg_total_relation_size(pg_class.oid) AS bytes
FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid AND relname = ANY (%(partitions)s::text[])
LEFT JOIN counted ON counted.tableoid = inhrelid
WHERE inhparent = %(table)s::regclass
