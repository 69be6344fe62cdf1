-- One row per file that both users imported: the job of either user, and whether only that of the user who goes landed.
SELECT gone.id AS gone_id, kept.id AS kept_id, gone.status = 'COMPLETED' AND kept.status <> 'COMPLETED' AS is_only_one
FROM import_jobs AS gone
JOIN import_jobs AS kept USING (sha256)
WHERE gone.user_id = %(gone)s AND kept.user_id = %(kept)s AND gone.status <> 'FAILED' AND kept.status <> 'FAILED'
ORDER BY kept.id
