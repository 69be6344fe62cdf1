-- One row per song of which the user played a track of a name, and artist if one is given, or of an id; the most played
-- first. It is named by the track of it that the user played most.
SELECT DISTINCT ON (counted.play_count, t.song_id)
       t.spotify_id, landed.track_name AS track, landed.artist_name AS artist, NULL::text AS album,
       song.name, song.artist AS by_artist, counted.play_count
FROM tracks AS t
JOIN named_songs AS song ON song.id = t.song_id
LEFT JOIN ({correction_targets/played}) AS played ON played.track_id = t.id
CROSS JOIN LATERAL (SELECT coalesce(sum(of_song.play_count), 0)::bigint AS play_count
                    FROM tracks AS other
                    JOIN ({correction_targets/played}) AS of_song ON of_song.track_id = other.id
                    WHERE other.song_id = t.song_id) AS counted
LEFT JOIN LATERAL (SELECT e.track_name, e.artist_name
                   FROM export_track_links AS link
                   JOIN export_tracks AS e ON e.id = link.export_track_id
                   WHERE link.track_id = t.id AND e.spotify_id IS NULL
                   ORDER BY e.id
                   LIMIT 1) AS landed ON true
WHERE t.merged_into IS NULL
  AND CASE WHEN %(spotify_id)s::text IS NULL
           THEN played.track_id IS NOT NULL
                AND (name_key(t.name) = name_key(%(name)s) OR name_key(song.name) = name_key(%(name)s))
                AND (%(artist)s::text IS NULL
                     OR name_key(song.artist) = name_key(%(artist)s)
                     OR t.artist_key = name_key(%(artist)s)
                     OR EXISTS (SELECT FROM track_artists AS credit
                                JOIN artists AS a ON a.id = credit.artist_id
                                WHERE credit.track_id = t.id AND a.name_key = name_key(%(artist)s)))
           ELSE t.spotify_id = %(spotify_id)s
                OR EXISTS (SELECT FROM track_aliases AS alias
                           WHERE alias.track_id = t.id AND alias.spotify_id = %(spotify_id)s) END
ORDER BY counted.play_count DESC, t.song_id, t.spotify_id IS NULL, coalesce(played.play_count, 0) DESC, t.id
