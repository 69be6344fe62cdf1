-- Provisional artists and albums of names that rows with ids answer to are forgotten: nothing refers to them any more.
DELETE FROM artists AS a USING retold_artists AS r WHERE a.id = r.artist_id AND a.spotify_id IS NULL AND NOT a.is_canonical_for_name;

DELETE FROM albums AS a USING retold_albums AS r WHERE a.id = r.album_id AND a.spotify_id IS NULL AND NOT a.is_canonical_for_name;
