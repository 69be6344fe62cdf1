-- One row per run that is not finished and whose tag says that it works for a listener. These are Dagster's tables.
SELECT runs.run_id
FROM runs
JOIN run_tags ON run_tags.run_id = runs.run_id
WHERE run_tags.key = %(tag)s AND run_tags.value = %(name)s
  AND runs.status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING')
ORDER BY runs.id
