-- One row: the job whose file has landed. Rows that the same job added in an earlier attempt are not duplicates.
UPDATE import_jobs
SET status = 'COMPLETED', completed_at = now(), total_rows = %(rows)s, processed_rows = %(rows)s,
    processed_bytes = total_bytes, added_rows = added_rows + %(added)s,
    duplicate_rows = greatest(%(duplicates)s - added_rows, 0), rejected = %(rejected)s, notes = %(notes)s,
    reader = %(reader)s
WHERE id = %(job_id)s
