-- One row per song that has no track any more, or got none.
DELETE FROM songs
WHERE id IN (SELECT old_song_id FROM moved_tracks UNION ALL SELECT song_id FROM pending_song_keys WHERE is_new)
  AND NOT EXISTS (SELECT FROM tracks AS t WHERE t.song_id = songs.id)
