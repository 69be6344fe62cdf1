-- One row: the file's job that did not fail.
SELECT id, status = 'COMPLETED' AS is_completed
FROM import_jobs
WHERE user_id = %(user_id)s AND sha256 = %(sha256)s AND status <> 'FAILED'
