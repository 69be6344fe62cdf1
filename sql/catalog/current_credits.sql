-- current_credits: one row per touched track and artist credited on it: the artists of its payload or, without one, the
-- artist that exports name.
CREATE TEMPORARY TABLE current_credits ON COMMIT DROP AS
WITH payload_credits AS (
    SELECT c.track_id, artists.id AS artist_id, (min(credit.position) - 1)::smallint AS position
    FROM current_names AS c
    CROSS JOIN LATERAL jsonb_array_elements(c.payload_artists) WITH ORDINALITY AS credit (artist, position)
    JOIN artists ON artists.spotify_id = credit.artist ->> 'id'
    WHERE c.payload_artists IS NOT NULL
    GROUP BY c.track_id, artists.id
)
SELECT track_id, artist_id, position FROM payload_credits
UNION ALL
SELECT c.track_id, c.named_artist_id, 0::smallint
FROM current_names AS c
WHERE c.named_artist_id IS NOT NULL AND NOT EXISTS (SELECT FROM payload_credits AS p WHERE p.track_id = c.track_id);

ANALYZE current_credits;
