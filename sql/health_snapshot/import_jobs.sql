-- One row per status that an import job may have: how many have it.
SELECT status.name, count(job.id)
FROM unnest(enum_range(NULL::job_status)) AS status (name)
LEFT JOIN import_jobs AS job ON job.status = status.name
GROUP BY status.name
ORDER BY status.name
