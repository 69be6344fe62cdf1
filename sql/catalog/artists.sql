-- One provisional artist per normalized name; of several spellings the one played last is shown.
WITH spellings AS (
    SELECT DISTINCT ON (e.artist_key) e.artist_name AS name
    FROM export_tracks AS e
    WHERE e.artist_key IN (SELECT artist_key FROM export_tracks JOIN stale_names ON export_track_id = id)
    ORDER BY e.artist_key, e.last_played_at DESC, e.artist_name COLLATE "C" DESC
)
INSERT INTO artists (name)
SELECT name FROM spellings
ON CONFLICT (name_key) WHERE spotify_id IS NULL
DO UPDATE SET name = excluded.name, updated_at = now() WHERE artists.name <> excluded.name
