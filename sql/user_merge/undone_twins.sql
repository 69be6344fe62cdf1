-- One row per correction that undoes an import of a file that both users imported. The import that stays is undone only
-- if both were.
DELETE FROM corrections AS correction
USING undone_imports AS undone,
      unnest(%(gone_jobs)s::integer[], %(kept_jobs)s::integer[]) AS job (gone_id, kept_id)
WHERE correction.id = undone.correction_id AND correction.user_id = undone.user_id
  AND undone.user_id IN (%(gone)s, %(kept)s)
  AND (undone.job_id = job.gone_id
       OR (undone.job_id = job.kept_id
           AND NOT EXISTS (SELECT FROM undone_imports AS other
                           WHERE other.user_id = %(gone)s AND other.job_id = job.gone_id)))
