-- payload_albums: one row per album whose payload changed, with the album that the catalog has of it.
CREATE TEMPORARY TABLE payload_albums ON COMMIT DROP AS
SELECT o.spotify_id, known.id AS album_id, known.name_key AS old_key, known.artist_key AS old_artist_key,
       latest.name, name_key(latest.name) AS name_key, name_key(o.payload #>> '{artists,0,name}') AS artist_key,
       o.payload ->> 'release_date' AS release_date, o.payload #>> '{images,0,url}' AS image_url
FROM pending_objects
JOIN spotify_objects AS o USING (object_type, spotify_id)
CROSS JOIN LATERAL (SELECT o.payload ->> 'name' AS name) AS latest
LEFT JOIN albums AS known ON known.spotify_id = o.spotify_id
WHERE o.object_type = 'album' AND latest.name IS NOT NULL;

INSERT INTO changed_album_names (name_key, artist_key, album_id)
SELECT changed.name_key, changed.artist_key, holder.id
FROM (SELECT name_key, artist_key
      FROM payload_albums
      WHERE (old_key, old_artist_key) IS DISTINCT FROM (name_key, artist_key)
      UNION
      SELECT old_key, old_artist_key
      FROM payload_albums
      WHERE album_id IS NOT NULL AND (old_key, old_artist_key) IS DISTINCT FROM (name_key, artist_key)) AS changed
LEFT JOIN albums AS holder ON holder.name_key = changed.name_key
                          AND holder.artist_key IS NOT DISTINCT FROM changed.artist_key
                          AND holder.is_canonical_for_name;

-- No album is canonical for these names until canonical_albums.sql has chosen one.
UPDATE albums AS holder SET is_canonical_for_name = false
FROM changed_album_names AS changed
WHERE changed.album_id = holder.id;

-- A provisional album takes the smallest of the new ids, and keeps its key.
WITH promoted AS (
    UPDATE albums AS a
    SET spotify_id = smallest.spotify_id
    FROM (SELECT DISTINCT ON (name_key, artist_key) name_key, artist_key, spotify_id
          FROM payload_albums
          WHERE album_id IS NULL
          ORDER BY name_key, artist_key, spotify_id COLLATE "C") AS smallest
    JOIN changed_album_names AS changed ON changed.name_key = smallest.name_key
                                       AND changed.artist_key IS NOT DISTINCT FROM smallest.artist_key
    WHERE a.id = changed.album_id AND a.spotify_id IS NULL
    RETURNING a.id, a.spotify_id
)
UPDATE payload_albums AS p SET album_id = promoted.id FROM promoted WHERE promoted.spotify_id = p.spotify_id;
