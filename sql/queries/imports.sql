-- One row per import of a user, the latest first.
SELECT job.id, job.file_name, job.status::text, job.total_bytes, job.processed_bytes, job.total_rows,
       job.processed_rows, job.added_rows AS landed_rows, job.duplicate_rows AS known_rows,
       job.rejected, job.error_message, job.notes, job.created_at, job.started_at,
       job.completed_at, EXISTS (SELECT FROM undone_imports AS undone
                                 WHERE undone.user_id = job.user_id AND undone.job_id = job.id) AS is_undone
FROM import_jobs AS job
WHERE job.user_id = %(user_id)s AND (%(before_id)s::bigint IS NULL OR job.id < %(before_id)s)
ORDER BY job.id DESC
LIMIT %(each)s
