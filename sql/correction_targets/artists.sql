-- One row per artist of a name whom the user played, the most played first; or the artist of an id.
SELECT a.spotify_id, NULL::text AS track, a.name AS artist, NULL::text AS album, a.name, NULL::text AS by_artist,
       coalesce(sum(played.play_count), 0)::bigint AS play_count
FROM artists AS a
LEFT JOIN track_artists AS credit ON credit.artist_id = a.id
LEFT JOIN ({correction_targets/played}) AS played ON played.track_id = credit.track_id
WHERE CASE WHEN %(spotify_id)s::text IS NULL THEN a.name_key = name_key(%(name)s)
           ELSE a.spotify_id = %(spotify_id)s END
GROUP BY a.id
HAVING %(spotify_id)s::text IS NOT NULL OR sum(played.play_count) > 0
ORDER BY play_count DESC, a.id
