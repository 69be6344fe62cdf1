-- One row per kind of thing (plays, tracks, albums, artists): how many are known, and of how many Spotify told the metadata.
WITH told AS (
    SELECT object_type, coalesce(alias.track_id::text, o.spotify_id) AS thing
    FROM spotify_objects AS o
    LEFT JOIN track_aliases AS alias ON o.object_type = 'track' AND alias.spotify_id = o.spotify_id
    WHERE o.is_full
), told_tracks AS MATERIALIZED (
    SELECT tracks.id
    FROM tracks
    WHERE tracks.merged_into IS NULL
      AND EXISTS (SELECT FROM told WHERE object_type = 'track' AND thing IN (tracks.spotify_id, tracks.id::text))
)
SELECT 'plays' AS kind, coalesce(sum(play_count), 0)::bigint AS known,
       coalesce(sum(play_count) FILTER (WHERE track_id IN (SELECT id FROM told_tracks)), 0)::bigint AS told
FROM user_track_stats
UNION ALL
SELECT 'tracks', count(*), (SELECT count(*) FROM told_tracks) FROM tracks WHERE merged_into IS NULL
UNION ALL
SELECT 'albums', count(*), count(*) FILTER (WHERE spotify_id IN (SELECT thing FROM told WHERE object_type = 'album'))
FROM albums
UNION ALL
SELECT 'artists', count(*), count(*) FILTER (WHERE spotify_id IN (SELECT thing FROM told WHERE object_type = 'artist'))
FROM artists
