-- One row: whether account data, which names tracks without an id, ever landed, and whether any plays are archived.
SELECT EXISTS (SELECT FROM export_tracks WHERE spotify_id IS NULL AND kind = 'TRACK') AS has_account_data,
       EXISTS (SELECT FROM archived_user_months) AS has_archive
