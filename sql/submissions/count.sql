-- One row: the job of a program, with the plays that it has just submitted.
UPDATE import_jobs
SET total_rows = total_rows + %(rows)s, processed_rows = processed_rows + %(rows)s,
    added_rows = added_rows + %(added)s, duplicate_rows = duplicate_rows + %(duplicates)s
WHERE id = %(job_id)s
