-- One row per provisional track that is new: one per name and artist that account data gives without an id, unless a
-- search found the id.
WITH added AS (
    INSERT INTO tracks (name, name_key, artist_key, song_id)
    SELECT DISTINCT ON (e.track_key, e.artist_key) e.track_name, e.track_key, e.artist_key,
           named.song_id
    FROM pending_names
    JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    LEFT JOIN pending_song_keys AS named ON named.song_key = e.song_key
    WHERE e.spotify_id IS NULL
      AND NOT EXISTS (SELECT FROM tracks AS known
                      WHERE known.spotify_id IS NULL AND known.merged_into IS NULL
                        AND known.name_key = e.track_key AND known.artist_key = e.artist_key)
      AND NOT EXISTS (SELECT FROM track_searches AS search
                      WHERE search.track_key = e.track_key AND search.artist_key = e.artist_key
                        AND search.spotify_id IS NOT NULL)
    ORDER BY e.track_key, e.artist_key, e.last_played_at DESC,
             e.track_name COLLATE "C" DESC, e.artist_name COLLATE "C" DESC
    RETURNING id
)
INSERT INTO new_tracks (track_id) SELECT id FROM added
