-- One row if the job is still to be done, none if it was completed meanwhile.
UPDATE import_jobs
SET status = 'PROCESSING', file_name = %(file_name)s, total_bytes = %(total_bytes)s, started_at = now(),
    completed_at = NULL, processed_rows = 0, processed_bytes = 0, rejected = '{}', notes = '{}'
WHERE id = %(job_id)s
  AND (status IN ('PENDING', 'PROCESSING')
       OR status = 'COMPLETED' AND (rejected ? 'future' OR reader < %(reader)s))
RETURNING id
