-- One row per application of MYI with another session in this database.
SELECT DISTINCT application_name
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name LIKE 'myi%%' AND application_name <> %(own)s
ORDER BY application_name
