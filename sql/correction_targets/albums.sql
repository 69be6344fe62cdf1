-- One row per album of a name, and artist if one is given, that the user played, the most played first; or the album of
-- an id.
SELECT a.spotify_id, NULL::text AS track, by_artist.name AS artist, a.name AS album, a.name,
       by_artist.name AS by_artist, coalesce(sum(played.play_count), 0)::bigint AS play_count
FROM albums AS a
LEFT JOIN tracks AS t ON t.album_id = a.id
LEFT JOIN ({correction_targets/played}) AS played ON played.track_id = t.id
LEFT JOIN LATERAL (SELECT artists.name
                   FROM artists
                   WHERE artists.name_key = a.artist_key
                   ORDER BY artists.is_canonical_for_name DESC, artists.id
                   LIMIT 1) AS by_artist ON true
WHERE CASE WHEN %(spotify_id)s::text IS NULL
           THEN a.name_key = name_key(%(name)s)
                AND (%(artist)s::text IS NULL OR a.artist_key = name_key(%(artist)s))
           ELSE a.spotify_id = %(spotify_id)s END
GROUP BY a.id, by_artist.name
HAVING %(spotify_id)s::text IS NOT NULL OR sum(played.play_count) > 0
ORDER BY play_count DESC, a.id
