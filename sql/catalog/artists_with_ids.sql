-- One row per artist who is new or changes because of the payload. Genres that Spotify does not tell stay as they are:
-- genres.sql has those.
WITH latest AS (
    SELECT p.artist_id, p.name, p.image_url, CASE WHEN p.genres = '{}' THEN a.genres ELSE p.genres END AS genres
    FROM payload_artists AS p
    JOIN artists AS a ON a.id = p.artist_id
), updated AS (
    UPDATE artists AS a
    SET name = l.name, genres = l.genres, image_url = l.image_url, updated_at = now()
    FROM latest AS l
    WHERE a.id = l.artist_id
      AND (a.name, a.genres, a.image_url) IS DISTINCT FROM (l.name, l.genres, l.image_url)
    RETURNING a.id
), added AS (
    INSERT INTO artists (spotify_id, name, genres, image_url, is_canonical_for_name)
    SELECT spotify_id, name, genres, image_url, false FROM payload_artists WHERE artist_id IS NULL
    RETURNING id
)
SELECT id FROM updated UNION ALL SELECT id FROM added
