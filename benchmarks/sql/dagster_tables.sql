-- One row per table of Dagster's, with its bytes, indexes and out-of-line values included.
SELECT relname::text AS table_name, pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables
ORDER BY relname
