-- One row per provisional track whose id a search found: it takes the id and keeps its key or, if another track has the
-- id, is merged into that one.
WITH resolved AS (
    SELECT DISTINCT p.id, search.spotify_id, coalesce(alias.track_id, known.id) AS known_id
    FROM pending_names
    JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    JOIN track_searches AS search ON search.track_key = e.track_key AND search.artist_key = e.artist_key
    JOIN tracks AS p ON p.spotify_id IS NULL AND p.merged_into IS NULL
                    AND p.name_key = e.track_key AND p.artist_key = e.artist_key
    LEFT JOIN track_aliases AS alias ON alias.spotify_id = search.spotify_id
    LEFT JOIN tracks AS known ON known.spotify_id = search.spotify_id
    WHERE e.spotify_id IS NULL AND search.spotify_id IS NOT NULL
), kept AS (
    SELECT id, spotify_id, coalesce(known_id, min(id) OVER (PARTITION BY spotify_id)) AS kept_id FROM resolved
), promoted AS (
    UPDATE tracks AS t SET spotify_id = kept.spotify_id, updated_at = now()
    FROM kept
    WHERE t.id = kept.id AND kept.id = kept.kept_id
    RETURNING t.id
), merged AS (
    INSERT INTO merged_tracks (track_id, into_id) SELECT id, kept_id FROM kept WHERE id <> kept_id
    RETURNING track_id
)
SELECT id FROM promoted UNION ALL SELECT track_id FROM merged
