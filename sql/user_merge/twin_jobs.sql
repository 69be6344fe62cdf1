-- One row per import job whose file the other user imported, too: of the two, the job that landed the file stays or, if
-- both did, that of the user who stays.
DELETE FROM import_jobs AS job
USING import_jobs AS twin
WHERE job.user_id IN (%(gone)s, %(kept)s) AND twin.user_id IN (%(gone)s, %(kept)s) AND job.user_id <> twin.user_id
  AND job.sha256 = twin.sha256 AND job.status <> 'FAILED' AND twin.status <> 'FAILED'
  AND CASE WHEN job.user_id = %(kept)s THEN job.status <> 'COMPLETED' AND twin.status = 'COMPLETED'
           ELSE job.status <> 'COMPLETED' OR twin.status = 'COMPLETED' END
