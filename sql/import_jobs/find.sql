-- One row: the file's job that did not fail. A file with rows that were rejected because they lay in the future is read
-- again: the clock may have been wrong, and time has passed. So is a file that an earlier version read, which left out
-- what this one takes.
SELECT id, status = 'COMPLETED' AND NOT rejected ? 'future' AND reader = %(reader)s AS is_done,
       status = 'COMPLETED' AND reader < %(reader)s AS was_read_before
FROM import_jobs
WHERE user_id = %(user_id)s AND sha256 = %(sha256)s AND status <> 'FAILED'
