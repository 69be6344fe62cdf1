-- One row per unfinished run whose tag says that it works for a user. These are Dagster's tables.
SELECT runs.run_id
FROM runs
JOIN run_tags ON run_tags.run_id = runs.run_id
WHERE run_tags.key = %(tag)s AND run_tags.value = %(user)s
  AND runs.status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING')
ORDER BY runs.id
