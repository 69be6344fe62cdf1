-- One row per number of a submitted track whose Spotify id is known, by exports or Spotify, and of another song than it
-- says.
SELECT said.no
FROM unnest(%(ids)s::text[], %(titles)s::text[], %(artists)s::text[])
     WITH ORDINALITY AS said (spotify_id, title, artist, no)
CROSS JOIN LATERAL (
    SELECT array_agg(known.song_key) FILTER (WHERE known.song_key IS NOT NULL) AS song_keys
    FROM (SELECT song_key FROM export_tracks WHERE spotify_id = said.spotify_id
          UNION ALL
          SELECT song_key(payload ->> 'name', payload #>> '{artists,0,name}')
          FROM spotify_objects
          WHERE object_type = 'track' AND spotify_id = said.spotify_id AND payload IS NOT NULL) AS known
) AS known
WHERE song_key(said.title, said.artist) <> ALL (known.song_keys)
