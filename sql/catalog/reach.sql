-- One row: whether account data, which names tracks without an id, ever landed, whether any plays are archived,
-- whether MusicBrainz was ever asked, and whether corrections say which tracks are one song, or did.
SELECT EXISTS (SELECT FROM export_tracks WHERE spotify_id IS NULL AND kind = 'TRACK') AS has_account_data,
       EXISTS (SELECT FROM archived_user_months) AS has_archive,
       EXISTS (SELECT FROM musicbrainz_searches) AS has_musicbrainz,
       EXISTS (SELECT FROM corrections WHERE kind IN ('JOIN_SONGS', 'SPLIT_SONG'))
       OR EXISTS (SELECT FROM corrected_song_keys) AS has_song_corrections
