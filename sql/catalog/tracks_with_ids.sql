-- One row per track that is new: one per Spotify id of an export that is neither a track's nor an alias in the catalog.
WITH added AS (
    INSERT INTO tracks (spotify_id, name, name_key, artist_key, album_id, song_id)
    SELECT DISTINCT ON (e.spotify_id) e.spotify_id, e.track_name, e.track_key, e.artist_key, albums.id,
           named.song_id
    FROM pending_names
    JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    LEFT JOIN albums ON albums.is_canonical_for_name AND albums.name_key = e.album_key
                    AND albums.artist_key IS NOT DISTINCT FROM e.artist_key
    LEFT JOIN pending_song_keys AS named ON named.song_key = e.song_key
    WHERE e.spotify_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM tracks AS known WHERE known.spotify_id = e.spotify_id)
      AND NOT EXISTS (SELECT FROM track_aliases AS known WHERE known.spotify_id = e.spotify_id)
    ORDER BY e.spotify_id, (e.track_name IS NULL OR e.artist_name IS NULL), e.last_played_at DESC,
             e.track_name COLLATE "C" DESC NULLS LAST, e.artist_name COLLATE "C" DESC NULLS LAST,
             e.album_name COLLATE "C" DESC NULLS LAST
    RETURNING id
)
INSERT INTO new_tracks (track_id) SELECT id FROM added
