-- One row: whether account data was ever landed, which names tracks without an id, and whether any plays are archived.
SELECT EXISTS (SELECT FROM export_tracks WHERE spotify_id IS NULL) AS has_account_data,
       EXISTS (SELECT FROM archived_user_months) AS has_archive
