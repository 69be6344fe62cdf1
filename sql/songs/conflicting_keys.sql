-- rekeyed_tracks: one row per track that shares a key of its payload with a track of another song, or that has a name
-- by "Various Artists", which no longer counts.
INSERT INTO rekeyed_tracks (track_id)
SELECT added.track_id
FROM added_song_keys AS added
JOIN tracks AS t ON t.id = added.track_id
WHERE EXISTS (SELECT FROM track_song_keys AS k
              JOIN tracks AS other ON other.id = k.track_id
              WHERE k.song_key = added.song_key AND other.song_id <> t.song_id)
   OR EXISTS (SELECT FROM export_track_links AS link
              JOIN export_tracks AS e ON e.id = link.export_track_id
              WHERE link.track_id = added.track_id AND e.artist_key = name_key('Various Artists'))
ON CONFLICT DO NOTHING
