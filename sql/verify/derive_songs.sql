-- One row per track: its song is derived again by the next synchronization of the catalog.
INSERT INTO pending_song_tracks (track_id)
SELECT id FROM tracks WHERE merged_into IS NULL
UNION
SELECT 0
ON CONFLICT DO NOTHING;

-- One row per song without tracks: it is deleted.
DELETE FROM user_song_sums
WHERE song_id IN (SELECT songs.id FROM songs WHERE NOT EXISTS (SELECT FROM tracks AS t WHERE t.song_id = songs.id));

DELETE FROM songs WHERE NOT EXISTS (SELECT FROM tracks AS t WHERE t.song_id = songs.id)
