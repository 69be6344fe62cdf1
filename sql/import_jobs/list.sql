-- One row per import job, newest first.
SELECT j.id, users.name AS "user", j.file_name, j.sha256, j.status, j.total_bytes, j.processed_bytes, j.total_rows,
       j.processed_rows, j.added_rows, j.duplicate_rows, j.rejected, j.error_message, j.notes, j.created_at,
       j.started_at, j.completed_at,
       EXISTS (SELECT FROM undone_imports AS undone
               WHERE undone.user_id = j.user_id AND undone.job_id = j.id) AS is_undone
FROM import_jobs AS j
JOIN users ON users.id = j.user_id
WHERE (%(user)s::text IS NULL OR users.name = %(user)s) AND (%(job_id)s::bigint IS NULL OR j.id = %(job_id)s)
ORDER BY j.id DESC
LIMIT %(limit)s
