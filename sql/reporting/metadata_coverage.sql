-- One row per kind (plays, tracks, albums, artists): how many are known, and for how many Spotify's metadata is.
WITH payload_tracks AS MATERIALIZED (
    SELECT t.id
    FROM tracks AS t
    JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = t.spotify_id
    WHERE o.payload ?& ARRAY['name', 'artists', 'album']
)
SELECT 'plays' AS kind, coalesce(sum(play_count), 0)::bigint AS known,
       coalesce(sum(play_count) FILTER (WHERE track_id IN (SELECT id FROM payload_tracks)), 0)::bigint AS with_metadata
FROM user_track_stats
UNION ALL
SELECT 'tracks', count(*), (SELECT count(*) FROM payload_tracks)
FROM tracks
WHERE merged_into IS NULL
UNION ALL
SELECT 'albums', count(*), count(*) FILTER (WHERE o.payload ? 'release_date')
FROM albums
LEFT JOIN spotify_objects AS o ON o.object_type = 'album' AND o.spotify_id = albums.spotify_id
UNION ALL
SELECT 'artists', count(*), count(*) FILTER (WHERE o.is_full)
FROM artists
LEFT JOIN spotify_objects AS o ON o.object_type = 'artist' AND o.spotify_id = artists.spotify_id
