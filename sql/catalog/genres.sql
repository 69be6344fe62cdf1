-- One row per artist whose genres change: because of what MusicBrainz says, because the artist is new, or because
-- another has its name now. Names by which MusicBrainz was never asked cost nothing.
WITH named AS (
    SELECT key FROM touched_artist_keys
    UNION
    SELECT name_key::text FROM changed_artist_names
    UNION
    SELECT e.artist_key::text
    FROM pending_names
    JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    JOIN musicbrainz_searches AS s ON s.object_type = 'artist' AND s.key = e.artist_key::text
), touched AS (
    SELECT a.id FROM named JOIN artists AS a ON a.spotify_id = named.key
    UNION
    SELECT a.id
    FROM named
    JOIN artists AS a ON a.name_key = CASE WHEN length(named.key) = 36 THEN named.key::uuid END -- else an id
)
UPDATE artists AS a
SET genres = latest.genres, updated_at = now()
FROM touched
JOIN artist_genres AS latest ON latest.artist_id = touched.id
WHERE a.id = touched.id AND a.genres <> latest.genres
