-- One row: the job that has landed its file. What it had added when it was read before is no duplicate.
UPDATE import_jobs
SET status = 'COMPLETED', completed_at = now(), total_rows = %(rows)s, processed_rows = %(rows)s,
    processed_bytes = total_bytes, added_rows = added_rows + %(added)s,
    duplicate_rows = greatest(%(duplicates)s - added_rows, 0), rejected = %(rejected)s
WHERE id = %(job_id)s
