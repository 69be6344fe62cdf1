-- changed_credits: one row per known track whose credits, or their order, are not as they should be.
CREATE TEMPORARY TABLE changed_credits ON COMMIT DROP AS
WITH touched AS (
    SELECT track_id
    FROM current_names
    WHERE NOT EXISTS (SELECT FROM new_tracks AS n WHERE n.track_id = current_names.track_id)
    UNION ALL
    SELECT t.id FROM current_names AS c JOIN tracks AS t ON t.merged_into = c.track_id
), known AS (
    SELECT credit.track_id, credit.artist_id, credit.position
    FROM touched
    JOIN track_artists AS credit USING (track_id)
), latest AS (
    SELECT credit.track_id, credit.artist_id, credit.position
    FROM touched
    JOIN current_credits AS credit USING (track_id)
)
SELECT DISTINCT track_id
FROM known
FULL JOIN latest USING (track_id, artist_id, position)
WHERE known.artist_id IS NULL OR latest.artist_id IS NULL
