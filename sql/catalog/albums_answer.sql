-- One row per album that answers to latest names: of those with an id, the one with the least.
UPDATE albums AS a
SET is_canonical_for_name = true
FROM (SELECT DISTINCT ON (known.name_key, known.artist_key) known.id
      FROM retold_albums AS r
      JOIN albums AS known ON known.name_key = r.name_key AND known.artist_key IS NOT DISTINCT FROM r.artist_key
      WHERE NOT known.is_canonical_for_name AND known.spotify_id IS NOT NULL
      ORDER BY known.name_key, known.artist_key, known.spotify_id COLLATE "C") AS least
WHERE a.id = least.id
