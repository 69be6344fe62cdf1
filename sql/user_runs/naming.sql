-- One row per finished run whose tags, configuration or events match a pattern. These are Dagster's tables.
SELECT run_id
FROM runs
WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
  AND (run_body ~ %(pattern)s
       OR EXISTS (SELECT FROM event_logs WHERE event_logs.run_id = runs.run_id AND event_logs.event ~ %(pattern)s))
ORDER BY runs.id
