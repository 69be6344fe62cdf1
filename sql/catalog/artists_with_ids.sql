-- One row per artist whose payload tells something new.
WITH updated AS (
    UPDATE artists AS a
    SET name = told.name, genres = told.genres, image_url = told.image_url, updated_at = now()
    FROM payload_artists AS told
    WHERE a.id = told.artist_id
      AND (a.name, a.genres, a.image_url) IS DISTINCT FROM (told.name, told.genres, told.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO artists (spotify_id, name, genres, image_url, is_canonical_for_name)
    SELECT spotify_id, name, genres, image_url, false FROM payload_artists WHERE artist_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
