-- One row per track of a name, and artist if one is given, that the user played, the most played first; or the track of
-- an id. With the names by which account data knows it, if it does.
SELECT t.spotify_id, landed.track_name AS track, landed.artist_name AS artist, NULL::text AS album,
       named.name, named.artist AS by_artist, coalesce(played.play_count, 0) AS play_count
FROM tracks AS t
JOIN named_tracks AS named ON named.id = t.id
LEFT JOIN ({correction_targets/played}) AS played ON played.track_id = t.id
LEFT JOIN LATERAL (SELECT e.track_name, e.artist_name
                   FROM export_track_links AS link
                   JOIN export_tracks AS e ON e.id = link.export_track_id
                   WHERE link.track_id = t.id AND e.spotify_id IS NULL
                   ORDER BY e.id
                   LIMIT 1) AS landed ON true
WHERE t.merged_into IS NULL
  AND CASE WHEN %(spotify_id)s::text IS NULL
           THEN played.track_id IS NOT NULL AND name_key(t.name) = name_key(%(name)s)
                AND (%(artist)s::text IS NULL
                     OR t.artist_key = name_key(%(artist)s)
                     OR EXISTS (SELECT FROM track_artists AS credit
                                JOIN artists AS a ON a.id = credit.artist_id
                                WHERE credit.track_id = t.id AND a.name_key = name_key(%(artist)s)))
           ELSE t.spotify_id = %(spotify_id)s
                OR EXISTS (SELECT FROM track_aliases AS alias
                           WHERE alias.track_id = t.id AND alias.spotify_id = %(spotify_id)s) END
ORDER BY play_count DESC, t.id
