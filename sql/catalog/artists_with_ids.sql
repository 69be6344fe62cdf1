-- One row per artist who is new or changes because of the payload.
WITH updated AS (
    UPDATE artists AS a
    SET name = p.name, genres = p.genres, image_url = p.image_url, updated_at = now()
    FROM payload_artists AS p
    WHERE a.id = p.artist_id
      AND (a.name, a.genres, a.image_url) IS DISTINCT FROM (p.name, p.genres, p.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO artists (spotify_id, name, genres, image_url, is_canonical_for_name)
    SELECT spotify_id, name, genres, image_url, false FROM payload_artists WHERE artist_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
