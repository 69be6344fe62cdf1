-- One row per provisional artist who is new or takes another spelling: one per normalized name for which no artist with
-- an id is canonical. Of several spellings, the one played last is shown.
WITH spellings AS (
    SELECT DISTINCT ON (e.artist_key) e.artist_key, e.artist_name AS name
    FROM export_tracks AS e
    WHERE e.kind = 'TRACK'
      AND e.artist_key IN (SELECT artist_key FROM export_tracks JOIN pending_names ON export_track_id = id
                             UNION
                             SELECT name_key FROM changed_artist_names)
    ORDER BY e.artist_key, e.last_played_at DESC, e.artist_name COLLATE "C" DESC
)
INSERT INTO artists (name)
SELECT name FROM spellings
ON CONFLICT (name_key) WHERE is_canonical_for_name
DO UPDATE SET name = excluded.name, updated_at = now()
WHERE artists.spotify_id IS NULL AND artists.name <> excluded.name
