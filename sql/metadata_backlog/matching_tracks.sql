-- One row per found track with exactly the searched names: first the tracks that the catalog knows, then by Spotify's
-- rank.
SELECT found.spotify_id, found.isrc
FROM unnest(%(spotify_id)s::text[], %(name)s::text[], %(artist)s::text[], %(isrc)s::text[])
    WITH ORDINALITY AS found (spotify_id, name, artist, isrc, rank)
WHERE name_key(found.name) = %(track_key)s AND name_key(found.artist) = %(artist_key)s
ORDER BY EXISTS (SELECT FROM tracks AS known WHERE known.spotify_id = found.spotify_id)
      OR EXISTS (SELECT FROM track_aliases AS known WHERE known.spotify_id = found.spotify_id) DESC,
         found.rank
