-- One row per artist who becomes canonical for a changed name: of those with an id, the one with the smallest.
UPDATE artists AS a
SET is_canonical_for_name = true
FROM (SELECT DISTINCT ON (name_key) known.id
      FROM changed_artist_names
      JOIN artists AS known USING (name_key)
      WHERE NOT known.is_canonical_for_name AND known.spotify_id IS NOT NULL
      ORDER BY name_key, known.spotify_id COLLATE "C") AS smallest
WHERE a.id = smallest.id
