-- payload_artists: one row per artist whose payload is stale, with the row that the catalog has of it.
CREATE TEMPORARY TABLE payload_artists ON COMMIT DROP AS
SELECT o.spotify_id, known.id AS artist_id, known.name_key AS old_key, told.name, name_key(told.name) AS name_key,
       ARRAY(SELECT jsonb_array_elements_text(o.payload -> 'genres')) AS genres, o.payload #>> '{images,0,url}' AS image_url
FROM pending_objects
JOIN spotify_objects AS o USING (object_type, spotify_id)
CROSS JOIN LATERAL (SELECT o.payload ->> 'name' AS name) AS told
LEFT JOIN artists AS known ON known.spotify_id = o.spotify_id
WHERE o.object_type = 'artist' AND told.name IS NOT NULL;

INSERT INTO retold_artists (name_key, artist_id)
SELECT told.name_key, holder.id
FROM (SELECT name_key FROM payload_artists WHERE old_key IS DISTINCT FROM name_key
      UNION
      SELECT old_key FROM payload_artists WHERE old_key <> name_key) AS told
LEFT JOIN artists AS holder ON holder.name_key = told.name_key AND holder.is_canonical_for_name;

-- Nobody answers to these names until it is clear who has them.
UPDATE artists AS holder SET is_canonical_for_name = false FROM retold_artists AS r WHERE r.artist_id = holder.id;

-- A provisional artist takes the least of the new ids, and keeps its key and with it its statistics.
WITH promoted AS (
    UPDATE artists AS a
    SET spotify_id = told.spotify_id
    FROM (SELECT DISTINCT ON (name_key) name_key, spotify_id FROM payload_artists WHERE artist_id IS NULL
          ORDER BY name_key, spotify_id COLLATE "C") AS told
    JOIN retold_artists AS r USING (name_key)
    WHERE a.id = r.artist_id AND a.spotify_id IS NULL
    RETURNING a.id, a.spotify_id
)
UPDATE payload_artists AS told SET artist_id = promoted.id FROM promoted WHERE promoted.spotify_id = told.spotify_id;
