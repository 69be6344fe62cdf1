-- One row per other session that reads as of some earlier moment. One that waits for an advisory lock will look again.
SELECT pid, xact_start, backend_xmin::text
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND backend_xmin IS NOT NULL
  AND (wait_event_type, wait_event) IS DISTINCT FROM ('Lock', 'advisory')
