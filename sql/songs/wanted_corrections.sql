-- One row per track and key that corrections give it. They name tracks by Spotify id, or by the names that account data
-- gives.
WITH named AS (
    SELECT c.kind = 'SPLIT_SONG' AS is_only_key, track.value AS track,
           md5(c.kind || ' ' || c.what::text)::uuid AS song_key
    FROM corrections AS c
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(c.what -> 'tracks', jsonb_build_array(c.what))) AS track
    WHERE c.kind IN ('JOIN_SONGS', 'SPLIT_SONG')
)
SELECT coalesce(alias.track_id, t.id) AS track_id, named.song_key, named.is_only_key
FROM named
LEFT JOIN tracks AS t ON t.spotify_id = named.track ->> 'spotify_id'
LEFT JOIN track_aliases AS alias ON alias.spotify_id = named.track ->> 'spotify_id'
WHERE coalesce(alias.track_id, t.id) IS NOT NULL
UNION
SELECT link.track_id, named.song_key, named.is_only_key
FROM named
JOIN export_tracks AS e ON e.spotify_id IS NULL AND e.track_key = name_key(named.track ->> 'track')
                       AND e.artist_key = name_key(named.track ->> 'artist')
JOIN export_track_links AS link ON link.export_track_id = e.id
