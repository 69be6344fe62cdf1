-- payload_artists: one row per artist whose payload changed, with the artist that the catalog has of it.
CREATE TEMPORARY TABLE payload_artists ON COMMIT DROP AS
SELECT o.spotify_id, known.id AS artist_id, known.name_key AS old_key, latest.name, name_key(latest.name) AS name_key,
       ARRAY(SELECT jsonb_array_elements_text(o.payload -> 'genres')) AS genres,
       o.payload #>> '{images,0,url}' AS image_url
FROM pending_objects
JOIN spotify_objects AS o USING (object_type, spotify_id)
CROSS JOIN LATERAL (SELECT o.payload ->> 'name' AS name) AS latest
LEFT JOIN artists AS known ON known.spotify_id = o.spotify_id
WHERE o.object_type = 'artist' AND latest.name IS NOT NULL;

INSERT INTO changed_artist_names (name_key, artist_id)
SELECT changed.name_key, holder.id
FROM (SELECT name_key FROM payload_artists WHERE old_key IS DISTINCT FROM name_key
      UNION
      SELECT old_key FROM payload_artists WHERE old_key <> name_key) AS changed
LEFT JOIN artists AS holder ON holder.name_key = changed.name_key AND holder.is_canonical_for_name;

-- No artist is canonical for these names until canonical_artists.sql has chosen one.
UPDATE artists AS holder SET is_canonical_for_name = false
FROM changed_artist_names AS changed
WHERE changed.artist_id = holder.id;

-- A provisional artist takes the smallest of the new ids, and keeps its key and with it its statistics.
WITH promoted AS (
    UPDATE artists AS a
    SET spotify_id = smallest.spotify_id
    FROM (SELECT DISTINCT ON (name_key) name_key, spotify_id
          FROM payload_artists
          WHERE artist_id IS NULL
          ORDER BY name_key, spotify_id COLLATE "C") AS smallest
    JOIN changed_artist_names AS changed USING (name_key)
    WHERE a.id = changed.artist_id AND a.spotify_id IS NULL
    RETURNING a.id, a.spotify_id
)
UPDATE payload_artists AS p SET artist_id = promoted.id FROM promoted WHERE promoted.spotify_id = p.spotify_id;
