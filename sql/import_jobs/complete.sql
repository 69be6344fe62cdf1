-- One row: the job that has landed its file.
UPDATE import_jobs
SET status = 'COMPLETED', completed_at = now(), total_rows = %(rows)s, processed_rows = %(rows)s,
    processed_bytes = total_bytes, added_rows = %(added)s, duplicate_rows = %(duplicates)s, rejected = %(rejected)s
WHERE id = %(job_id)s
