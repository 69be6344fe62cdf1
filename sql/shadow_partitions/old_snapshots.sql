-- One row per other session that reads from an earlier snapshot. Not those that wait for an advisory lock: they take a
-- new snapshot afterwards.
SELECT pid, xact_start, backend_xmin::text
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND backend_xmin IS NOT NULL
  AND (wait_event_type, wait_event) IS DISTINCT FROM ('Lock', 'advisory')
