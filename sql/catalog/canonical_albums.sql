-- One row per album that becomes canonical for a changed name: of those with an id, the one with the smallest.
UPDATE albums AS a
SET is_canonical_for_name = true
FROM (SELECT DISTINCT ON (known.name_key, known.artist_key) known.id
      FROM changed_album_names AS changed
      JOIN albums AS known ON known.name_key = changed.name_key
                          AND known.artist_key IS NOT DISTINCT FROM changed.artist_key
      WHERE NOT known.is_canonical_for_name AND known.spotify_id IS NOT NULL
      ORDER BY known.name_key, known.artist_key, known.spotify_id COLLATE "C") AS smallest
WHERE a.id = smallest.id
