-- One row per hash of a row of the user that an import tells which is not undone, among duplicates.
SELECT d.month, unnest(d.play_hashes) AS play_hash
FROM import_job_duplicates AS d
WHERE d.user_id = %(user_id)s
  AND d.job_id NOT IN (SELECT job_id FROM undone_imports WHERE user_id = %(user_id)s)
