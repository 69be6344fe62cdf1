-- One row per finished run whose tags, configuration or events match a pattern: itself, and the events that do. These
-- are Dagster's tables.
SELECT runs.run_id, runs.run_body, coalesce(matching.events, '{}') AS events
FROM runs
LEFT JOIN LATERAL (SELECT array_agg(event) AS events
                   FROM event_logs
                   WHERE event_logs.run_id = runs.run_id AND event_logs.event ~ %(pattern)s) AS matching ON true
WHERE runs.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
  AND (runs.run_body ~ %(pattern)s OR matching.events IS NOT NULL)
ORDER BY runs.id
