-- One row per provisional album that is new or takes another spelling: one per normalized name and artist for which no
-- album with an id is canonical. Of several spellings, the one played last is shown.
WITH pending AS (
    SELECT DISTINCT artist_key, album_key FROM export_tracks JOIN pending_names ON export_track_id = id
    UNION
    SELECT artist_key, name_key FROM changed_album_names
), named AS ( -- by IS NOT DISTINCT FROM, no index would be used
    SELECT e.artist_key, e.album_key, e.album_name, e.last_played_at
    FROM pending
    JOIN export_tracks AS e ON e.artist_key = pending.artist_key AND e.album_key = pending.album_key
    WHERE e.kind = 'TRACK'
    UNION ALL
    SELECT e.artist_key, e.album_key, e.album_name, e.last_played_at
    FROM pending
    JOIN export_tracks AS e ON e.artist_key IS NULL AND e.album_key = pending.album_key
    WHERE e.kind = 'TRACK' AND pending.artist_key IS NULL
), spellings AS (
    SELECT DISTINCT ON (artist_key, album_key) album_name AS name, artist_key
    FROM named
    ORDER BY artist_key, album_key, last_played_at DESC, album_name COLLATE "C" DESC
)
INSERT INTO albums (name, artist_key)
SELECT name, artist_key FROM spellings
ON CONFLICT (name_key, artist_key) WHERE is_canonical_for_name
DO UPDATE SET name = excluded.name, updated_at = now()
WHERE albums.spotify_id IS NULL AND albums.name <> excluded.name
