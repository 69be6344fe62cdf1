-- One row: the latest run of a job.
SELECT run_id
FROM runs
WHERE pipeline_name = %(job)s
ORDER BY create_timestamp DESC
LIMIT 1
