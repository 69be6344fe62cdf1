-- One row: the file's job that did not fail. A file with rows that were rejected because they lay in the future is read
-- again: the clock may have been wrong, and time has passed.
SELECT id, status = 'COMPLETED' AND NOT rejected ? 'future' AS is_done
FROM import_jobs
WHERE user_id = %(user_id)s AND sha256 = %(sha256)s AND status <> 'FAILED'
