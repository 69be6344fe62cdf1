-- rekeyed_tracks: one row per track that is not of the song that names have which are linked to it now. The track that
-- export_tracks rows name is linked to them.
WITH linked AS (
    INSERT INTO export_track_links (export_track_id, track_id)
    SELECT e.id, coalesce(alias.track_id, by_id.id, by_name.id)
    FROM pending_names
    JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    LEFT JOIN track_searches AS search ON e.spotify_id IS NULL AND search.track_key = e.track_key
                                      AND search.artist_key = e.artist_key
    LEFT JOIN track_aliases AS alias ON alias.spotify_id = coalesce(e.spotify_id, search.spotify_id)
    LEFT JOIN tracks AS by_id ON by_id.spotify_id = coalesce(e.spotify_id, search.spotify_id)
    LEFT JOIN tracks AS by_name ON e.spotify_id IS NULL AND by_name.spotify_id IS NULL AND by_name.merged_into IS NULL
                               AND by_name.name_key = e.track_key AND by_name.artist_key = e.artist_key
    ON CONFLICT (export_track_id) DO NOTHING
    RETURNING export_track_id, track_id
)
INSERT INTO rekeyed_tracks (track_id)
SELECT DISTINCT t.id
FROM linked
JOIN export_tracks AS e ON e.id = linked.export_track_id
JOIN tracks AS t ON t.id = linked.track_id
LEFT JOIN pending_song_keys AS named ON named.song_key = e.song_key
WHERE e.track_name IS NOT NULL -- a title without an artist has no key, and is shown where there is no other
  AND (t.song_id IS DISTINCT FROM named.song_id
       OR t.id IN (SELECT link.track_id -- whose names by "Various Artists" may no longer count
                   FROM export_tracks AS various
                   JOIN export_track_links AS link ON link.export_track_id = various.id
                   WHERE various.artist_key = name_key('Various Artists')))
ON CONFLICT DO NOTHING
