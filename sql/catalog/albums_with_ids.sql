-- One row per album whose payload tells something new.
WITH updated AS (
    UPDATE albums AS a
    SET name = told.name, artist_key = told.artist_key, release_date = told.release_date, image_url = told.image_url,
        updated_at = now()
    FROM payload_albums AS told
    WHERE a.id = told.album_id
      AND (a.name, a.artist_key, a.release_date, a.image_url)
          IS DISTINCT FROM (told.name, told.artist_key, told.release_date, told.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO albums (spotify_id, name, artist_key, release_date, image_url, is_canonical_for_name)
    SELECT spotify_id, name, artist_key, release_date, image_url, false FROM payload_albums WHERE album_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
