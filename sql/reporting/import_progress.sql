-- One row: the file that is landing for a user, if any, and how many of the user's months are invalidated at each
-- stage.
SELECT job.file_name, job.processed_rows, job.processed_bytes, job.total_bytes,
       (SELECT count(*) FROM invalidated_user_months WHERE user_id = %(user_id)s AND stage = 'EVENTS') AS stale_events,
       (SELECT count(*) FROM invalidated_user_months WHERE user_id = %(user_id)s AND stage = 'STATS') AS stale_stats
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT file_name, processed_rows, processed_bytes, total_bytes
                   FROM import_jobs
                   WHERE user_id = %(user_id)s AND status = 'PROCESSING'
                   ORDER BY started_at DESC
                   LIMIT 1) AS job ON true
