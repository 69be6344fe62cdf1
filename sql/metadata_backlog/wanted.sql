-- One row per track or artist whose metadata is missing or due again, the most played first; artists may come last. A
-- track also has the album whose payload would include it and other missing tracks, unless that album was requested
-- before.
WITH tracks_played AS (
    SELECT track_id, sum(play_count) AS plays FROM user_track_stats GROUP BY track_id
), artists_played AS (
    SELECT artist_id, sum(play_count) AS plays FROM user_artist_stats GROUP BY artist_id
), wanted AS (
    SELECT 'track' AS object_type, t.id AS entity_id, t.spotify_id, t.album_id, coalesce(played.plays, 0) AS plays,
           o.payload IS NULL OR NOT o.payload ?& ARRAY['name', 'artists', 'album'] AS is_missing,
           coalesce(o.is_gone, false) AS is_gone, log.next_refresh_at,
           coalesce(log.error_count > 0, false) AS has_failed
    FROM tracks AS t
    LEFT JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = t.spotify_id
    LEFT JOIN metadata_refresh_log AS log ON log.entity_type = 'track' AND log.entity_id = t.id
    LEFT JOIN tracks_played AS played ON played.track_id = t.id
    WHERE t.spotify_id IS NOT NULL
    UNION ALL
    SELECT 'artist', a.id, a.spotify_id, NULL, coalesce(played.plays, 0), NOT o.is_full, o.is_gone, log.next_refresh_at,
           coalesce(log.error_count > 0, false)
    FROM artists AS a
    JOIN spotify_objects AS o ON o.object_type = 'artist' AND o.spotify_id = a.spotify_id
    LEFT JOIN metadata_refresh_log AS log ON log.entity_type = 'artist' AND log.entity_id = a.id
    LEFT JOIN artists_played AS played ON played.artist_id = a.id
), due AS (
    SELECT *, count(*) OVER (PARTITION BY album_id) AS on_album
    FROM wanted
    WHERE next_refresh_at <= %(now)s OR (next_refresh_at IS NULL AND is_missing AND NOT is_gone)
)
SELECT due.object_type, due.entity_id, due.spotify_id, due.album_id, album.spotify_id AS album_spotify_id,
       CASE WHEN due.album_id IS NULL OR album_object.is_full OR album_object.is_gone OR log.next_refresh_at > %(now)s
            THEN 1 ELSE due.on_album END AS on_album,
       due.has_failed
FROM due
LEFT JOIN albums AS album ON album.id = due.album_id
LEFT JOIN spotify_objects AS album_object
  ON album_object.object_type = 'album' AND album_object.spotify_id = album.spotify_id
LEFT JOIN metadata_refresh_log AS log ON log.entity_type = 'album' AND log.entity_id = album.id
ORDER BY (%(artists_last)s AND due.object_type = 'artist'), due.is_missing DESC, due.plays DESC, due.object_type,
         due.spotify_id COLLATE "C"
LIMIT %(limit)s
