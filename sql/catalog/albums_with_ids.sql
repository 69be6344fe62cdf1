-- One row per album that is new or changes because of its payload.
WITH updated AS (
    UPDATE albums AS a
    SET name = p.name, artist_key = p.artist_key, release_date = p.release_date, image_url = p.image_url,
        updated_at = now()
    FROM payload_albums AS p
    WHERE a.id = p.album_id
      AND (a.name, a.artist_key, a.release_date, a.image_url)
          IS DISTINCT FROM (p.name, p.artist_key, p.release_date, p.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO albums (spotify_id, name, artist_key, release_date, image_url, is_canonical_for_name)
    SELECT spotify_id, name, artist_key, release_date, image_url, false FROM payload_albums WHERE album_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
