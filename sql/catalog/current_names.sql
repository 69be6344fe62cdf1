-- current_names: one row per track whose names were stale, with the names under which it was played last.
CREATE TEMPORARY TABLE current_names ON COMMIT DROP AS
SELECT DISTINCT ON (link.track_id)
       link.track_id, e.track_name, e.artist_name, e.artist_key, albums.id AS album_id, artists.id AS artist_id
FROM (SELECT DISTINCT track_id FROM export_track_links JOIN stale_names USING (export_track_id)) AS stale
JOIN export_track_links AS link USING (track_id)
JOIN export_tracks AS e ON e.id = link.export_track_id
LEFT JOIN albums ON albums.spotify_id IS NULL AND albums.name_key = e.album_key
                AND albums.artist_key IS NOT DISTINCT FROM e.artist_key
LEFT JOIN artists ON artists.spotify_id IS NULL AND artists.name_key = e.artist_key
ORDER BY link.track_id, (e.track_name IS NULL OR e.artist_name IS NULL), e.last_played_at DESC,
         e.track_name COLLATE "C" DESC NULLS LAST, e.artist_name COLLATE "C" DESC NULLS LAST, e.album_name COLLATE "C" DESC NULLS LAST;

ANALYZE current_names;
