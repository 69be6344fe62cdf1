-- One row: the job, with more notes if there is room for them.
UPDATE import_jobs
SET notes = (notes || %(notes)s::text[])[:%(notes_at_most)s::integer]
WHERE id = %(job_id)s
