-- One row per artist who answers to a retold name: of those with an id, the one with the least.
UPDATE artists AS a
SET answers_to_name = true
FROM (SELECT DISTINCT ON (name_key) known.id
      FROM retold_artists
      JOIN artists AS known USING (name_key)
      WHERE NOT known.answers_to_name AND known.spotify_id IS NOT NULL
      ORDER BY name_key, known.spotify_id COLLATE "C") AS least
WHERE a.id = least.id
