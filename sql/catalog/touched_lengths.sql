-- touched_lengths: one row per track whose length may change, because MusicBrainz says something new of the artist of
-- its name, or because another artist has that name now. Names by which MusicBrainz was never asked cost nothing.
WITH changed AS (
    SELECT a.name_key
    FROM touched_artist_keys AS touched
    JOIN artists AS a ON a.spotify_id = touched.key
    UNION
    SELECT touched.key::uuid FROM touched_artist_keys AS touched WHERE length(touched.key) = 36 -- else an id
    UNION
    SELECT name_key FROM changed_artist_names
), named AS MATERIALIZED (
    SELECT name_key
    FROM changed
    WHERE EXISTS (SELECT FROM musicbrainz_searches AS s
                  WHERE s.object_type = 'artist' AND s.key = changed.name_key::text)
       OR EXISTS (SELECT FROM artists AS a
                  JOIN musicbrainz_searches AS s ON s.object_type = 'artist' AND s.key = a.spotify_id
                  WHERE a.name_key = changed.name_key AND a.is_canonical_for_name)
       OR EXISTS (SELECT FROM artists AS a
                  JOIN musicbrainz_searches AS s ON s.object_type = 'artist' AND s.key = a.spotify_id
                  WHERE a.name_key = changed.name_key AND NOT a.is_canonical_for_name)
)
INSERT INTO touched_lengths (track_id)
SELECT t.id
FROM named
JOIN tracks AS t ON t.artist_key = named.name_key
WHERE t.merged_into IS NULL
