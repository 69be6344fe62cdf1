-- payload_albums: one row per album whose payload is stale, with the row that the catalog has of it.
CREATE TEMPORARY TABLE payload_albums ON COMMIT DROP AS
SELECT o.spotify_id, known.id AS album_id, known.name_key AS old_key, known.artist_key AS old_artist_key,
       told.name, name_key(told.name) AS name_key, name_key(o.payload #>> '{artists,0,name}') AS artist_key,
       o.payload ->> 'release_date' AS release_date, o.payload #>> '{images,0,url}' AS image_url
FROM pending_objects
JOIN spotify_objects AS o USING (object_type, spotify_id)
CROSS JOIN LATERAL (SELECT o.payload ->> 'name' AS name) AS told
LEFT JOIN albums AS known ON known.spotify_id = o.spotify_id
WHERE o.object_type = 'album' AND told.name IS NOT NULL;

INSERT INTO retold_albums (name_key, artist_key, album_id)
SELECT told.name_key, told.artist_key, holder.id
FROM (SELECT name_key, artist_key FROM payload_albums WHERE (old_key, old_artist_key) IS DISTINCT FROM (name_key, artist_key)
      UNION
      SELECT old_key, old_artist_key FROM payload_albums
      WHERE album_id IS NOT NULL AND (old_key, old_artist_key) IS DISTINCT FROM (name_key, artist_key)) AS told
LEFT JOIN albums AS holder ON holder.name_key = told.name_key AND holder.artist_key IS NOT DISTINCT FROM told.artist_key
                          AND holder.is_canonical_for_name;

-- None answers to these names until it is clear which has them.
UPDATE albums AS holder SET is_canonical_for_name = false FROM retold_albums AS r WHERE r.album_id = holder.id;

-- A provisional album takes the least of the new ids, and keeps its key.
WITH promoted AS (
    UPDATE albums AS a
    SET spotify_id = told.spotify_id
    FROM (SELECT DISTINCT ON (name_key, artist_key) name_key, artist_key, spotify_id FROM payload_albums WHERE album_id IS NULL
          ORDER BY name_key, artist_key, spotify_id COLLATE "C") AS told
    JOIN retold_albums AS r ON r.name_key = told.name_key AND r.artist_key IS NOT DISTINCT FROM told.artist_key
    WHERE a.id = r.album_id AND a.spotify_id IS NULL
    RETURNING a.id, a.spotify_id
)
UPDATE payload_albums AS told SET album_id = promoted.id FROM promoted WHERE promoted.spotify_id = told.spotify_id;
