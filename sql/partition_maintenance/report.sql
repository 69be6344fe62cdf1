-- One row per partition of listening_events: what it holds. Rows are counted first, as new partitions have no
-- statistics.
WITH counted AS MATERIALIZED (
    SELECT tableoid, count(*) AS row_count, min(played_at) AS oldest, max(played_at) AS newest
    FROM listening_events
    GROUP BY tableoid
)
SELECT child.relname::text AS name, pg_get_expr(child.relpartbound, child.oid) AS range, coalesce(row_count, 0) AS rows,
       pg_table_size(child.oid) AS bytes, pg_indexes_size(child.oid) AS index_bytes, oldest, newest,
       pg_stat_get_dead_tuples(child.oid) AS dead_rows
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
LEFT JOIN counted ON counted.tableoid = inhrelid
WHERE inhparent = 'listening_events'::regclass
ORDER BY child.relname
