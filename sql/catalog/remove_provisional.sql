-- One row per provisional artist or album that nothing refers to, because one with an id is canonical for its name now.
DELETE FROM artists AS a USING changed_artist_names AS changed
WHERE a.id = changed.artist_id AND a.spotify_id IS NULL AND NOT a.is_canonical_for_name;

DELETE FROM albums AS a USING changed_album_names AS changed
WHERE a.id = changed.album_id AND a.spotify_id IS NULL AND NOT a.is_canonical_for_name;
