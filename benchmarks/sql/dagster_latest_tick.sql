-- One row: the latest tick of a schedule or sensor.
SELECT id
FROM job_ticks
WHERE job_origin_id = %(origin)s
ORDER BY timestamp DESC
LIMIT 1
