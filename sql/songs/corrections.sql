-- corrected_song_keys: what corrections say, of the tracks that the catalog has. Tracks are named by Spotify id, or by the
-- name and the artist that account data gives. Tracks whose corrections change go into rekeyed_tracks.
WITH named AS (
    SELECT c.kind = 'SPLIT_SONG' AS is_only_key, track.value AS track,
           md5(c.kind || ' ' || coalesce(c.what -> 'tracks', c.what -> 'track')::text)::uuid AS song_key
    FROM corrections AS c
    CROSS JOIN LATERAL jsonb_array_elements(coalesce(c.what -> 'tracks', jsonb_build_array(c.what -> 'track'))) AS track
    WHERE c.kind IN ('JOIN_SONGS', 'SPLIT_SONG')
), wanted AS (
    SELECT coalesce(alias.track_id, t.id) AS track_id, named.song_key, named.is_only_key
    FROM named
    LEFT JOIN tracks AS t ON t.spotify_id = named.track ->> 'spotify_id'
    LEFT JOIN track_aliases AS alias ON alias.spotify_id = named.track ->> 'spotify_id'
    WHERE coalesce(alias.track_id, t.id) IS NOT NULL
    UNION
    SELECT link.track_id, named.song_key, named.is_only_key
    FROM named
    JOIN export_tracks AS e ON e.spotify_id IS NULL AND e.track_key = name_key(named.track ->> 'name')
                           AND e.artist_key = name_key(named.track ->> 'artist')
    JOIN export_track_links AS link ON link.export_track_id = e.id
), removed AS (
    DELETE FROM corrected_song_keys AS old
    WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.track_id = old.track_id AND w.song_key = old.song_key)
    RETURNING track_id
), added AS (
    INSERT INTO corrected_song_keys (track_id, song_key, is_only_key)
    SELECT track_id, song_key, is_only_key FROM wanted
    ON CONFLICT DO NOTHING
    RETURNING track_id
)
INSERT INTO rekeyed_tracks (track_id)
SELECT track_id FROM removed
UNION
SELECT track_id FROM added
ON CONFLICT DO NOTHING
