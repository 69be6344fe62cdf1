-- touched_albums: one row per user and album whose statistics change with the albums of changed_albums.
INSERT INTO touched_albums (user_id, album_id)
SELECT DISTINCT s.user_id, coalesce(album.album_id, 0)
FROM changed_albums AS c
JOIN user_track_stats AS s USING (track_id)
CROSS JOIN LATERAL (VALUES (c.old_album_id), (c.album_id)) AS album (album_id);

-- While a merged track has statistics, it is on the album of the track that is kept.
UPDATE tracks AS t
SET album_id = c.album_id
FROM changed_albums AS c
WHERE t.id = c.track_id AND t.merged_into IS NOT NULL;
