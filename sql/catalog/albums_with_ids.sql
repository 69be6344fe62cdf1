-- One row per album that is new or changes because of its payload. A release date that Spotify does not tell stays as
-- it is: release_dates.sql has that.
WITH latest AS (
    SELECT p.album_id, p.name, p.artist_key, p.image_url, coalesce(p.release_date, a.release_date) AS release_date
    FROM payload_albums AS p
    JOIN albums AS a ON a.id = p.album_id
), updated AS (
    UPDATE albums AS a
    SET name = l.name, artist_key = l.artist_key, release_date = l.release_date, image_url = l.image_url,
        updated_at = now()
    FROM latest AS l
    WHERE a.id = l.album_id
      AND (a.name, a.artist_key, a.release_date, a.image_url)
          IS DISTINCT FROM (l.name, l.artist_key, l.release_date, l.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO albums (spotify_id, name, artist_key, release_date, image_url, is_canonical_for_name)
    SELECT spotify_id, name, artist_key, release_date, image_url, false FROM payload_albums WHERE album_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
