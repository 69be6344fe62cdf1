-- One row: the file's job that did not fail. A file of which rows were refused for their times is read again: the clock
-- may have been wrong.
SELECT id, status = 'COMPLETED' AND NOT rejected ? 'bad_timestamp' AS is_done
FROM import_jobs
WHERE user_id = %(user_id)s AND sha256 = %(sha256)s AND status <> 'FAILED'
