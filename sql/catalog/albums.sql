-- One row per provisional album that is new or takes another spelling: one per normalized name and artist for which no
-- album with an id is canonical. Of several spellings, the one played last is shown. They are looked up album by album:
-- most imports bring few names to many.
WITH pending AS (
    SELECT DISTINCT artist_key, album_key FROM export_tracks JOIN pending_names ON export_track_id = id
    UNION
    SELECT artist_key, name_key FROM changed_album_names
), spellings AS (
    SELECT pending.artist_key, pending.album_key, latest.name
    FROM pending
    CROSS JOIN LATERAL (SELECT e.album_name AS name FROM export_tracks AS e
                        WHERE e.artist_key = pending.artist_key AND e.album_key = pending.album_key
                          AND e.kind = 'TRACK'
                        ORDER BY e.last_played_at DESC, e.album_name COLLATE "C" DESC LIMIT 1) AS latest
    UNION ALL
    SELECT pending.artist_key, pending.album_key, latest.name
    FROM pending
    CROSS JOIN LATERAL (SELECT e.album_name AS name FROM export_tracks AS e
                        WHERE e.artist_key IS NULL AND e.album_key = pending.album_key AND e.kind = 'TRACK'
                        ORDER BY e.last_played_at DESC, e.album_name COLLATE "C" DESC LIMIT 1) AS latest
    WHERE pending.artist_key IS NULL
)
INSERT INTO albums (name, artist_key)
SELECT name, artist_key FROM spellings ORDER BY artist_key, album_key
ON CONFLICT (name_key, artist_key) WHERE is_canonical_for_name
DO UPDATE SET name = excluded.name, updated_at = now()
WHERE albums.spotify_id IS NULL AND albums.name <> excluded.name
