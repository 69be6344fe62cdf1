-- One row per job with runs under way, or with runs that ended since a moment.
SELECT pipeline_name AS job,
       count(*) FILTER (WHERE status = 'QUEUED') AS queued,
       count(*) FILTER (WHERE status IN ('STARTING', 'STARTED', 'CANCELING')) AS running,
       count(*) FILTER (WHERE status = 'SUCCESS' AND end_time > %(since)s) AS succeeded,
       count(*) FILTER (WHERE status = 'FAILURE' AND end_time > %(since)s) AS failed,
       coalesce((array_agg(status ORDER BY end_time DESC)
                 FILTER (WHERE status IN ('SUCCESS', 'FAILURE')))[1] = 'FAILURE', false) AS failed_last
FROM runs
WHERE status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING') OR end_time > %(since)s
GROUP BY pipeline_name
ORDER BY pipeline_name
