-- One row per provisional album that is new or takes another spelling: one per normalized name and artist for which no
-- album with an id is canonical. Of several spellings, the one played last is shown.
WITH pending AS (
    SELECT DISTINCT artist_key, album_key FROM export_tracks JOIN pending_names ON export_track_id = id
    UNION
    SELECT artist_key, name_key FROM changed_album_names
), spellings AS (
    SELECT DISTINCT ON (e.artist_key, e.album_key) e.album_name AS name, e.artist_key
    FROM export_tracks AS e
    JOIN pending ON pending.album_key = e.album_key AND pending.artist_key IS NOT DISTINCT FROM e.artist_key
    WHERE e.kind = 'TRACK'
    ORDER BY e.artist_key, e.album_key, e.last_played_at DESC, e.album_name COLLATE "C" DESC
)
INSERT INTO albums (name, artist_key)
SELECT name, artist_key FROM spellings
ON CONFLICT (name_key, artist_key) WHERE is_canonical_for_name
DO UPDATE SET name = excluded.name, updated_at = now()
WHERE albums.spotify_id IS NULL AND albums.name <> excluded.name
