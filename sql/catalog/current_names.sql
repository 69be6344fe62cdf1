-- touched_tracks: one row per track whose names, album, artists or length may change.
CREATE TEMPORARY TABLE touched_tracks ON COMMIT DROP AS
SELECT link.track_id FROM pending_names JOIN export_track_links AS link USING (export_track_id)
UNION
SELECT track_id FROM new_tracks
UNION
SELECT t.id FROM pending_objects AS p JOIN tracks AS t USING (spotify_id) WHERE p.object_type = 'track'
UNION
SELECT t.id FROM relinked_ids JOIN tracks AS t USING (spotify_id)
UNION
SELECT track_id FROM touched_lengths
UNION
SELECT link.track_id
FROM changed_artist_names AS changed
JOIN artists AS holder ON holder.name_key = changed.name_key AND holder.is_canonical_for_name
JOIN export_tracks AS e ON e.artist_key = changed.name_key
JOIN export_track_links AS link ON link.export_track_id = e.id
WHERE holder.id <> changed.artist_id
UNION
SELECT link.track_id
FROM changed_album_names AS changed
JOIN albums AS holder ON holder.name_key = changed.name_key
                     AND holder.artist_key IS NOT DISTINCT FROM changed.artist_key
                     AND holder.is_canonical_for_name
JOIN export_tracks AS e ON e.album_key = changed.name_key AND e.artist_key IS NOT DISTINCT FROM changed.artist_key
JOIN export_track_links AS link ON link.export_track_id = e.id
WHERE holder.id <> changed.album_id;

ANALYZE touched_tracks;

-- current_names: one row per touched track, with the fields of its payload and the names under which it was played
-- last.
CREATE TEMPORARY TABLE current_names ON COMMIT DROP AS
WITH named AS (
    SELECT DISTINCT ON (link.track_id)
           link.track_id, e.track_name, e.track_key, e.artist_key, e.album_key
    FROM touched_tracks
    JOIN export_track_links AS link USING (track_id)
    JOIN export_tracks AS e ON e.id = link.export_track_id
    ORDER BY link.track_id, (e.track_name IS NULL OR e.artist_name IS NULL), e.last_played_at DESC,
             e.track_name COLLATE "C" DESC NULLS LAST, e.artist_name COLLATE "C" DESC NULLS LAST,
             e.album_name COLLATE "C" DESC NULLS LAST
), payloads AS (
    SELECT t.id AS track_id, o.payload, o.payload ->> 'name' AS track_name,
           name_key(o.payload ->> 'name') AS track_key, name_key(o.payload #>> '{artists,0,name}') AS artist_key,
           song_key(o.payload ->> 'name', o.payload #>> '{artists,0,name}') AS song_key
    FROM touched_tracks
    JOIN tracks AS t ON t.id = touched_tracks.track_id
    JOIN spotify_objects AS o ON o.object_type = 'track' AND o.spotify_id = t.spotify_id AND o.payload IS NOT NULL
)
SELECT touched_tracks.track_id,
       coalesce(payloads.track_name, named.track_name) AS track_name,
       CASE WHEN payloads.track_key IS NULL OR payloads.artist_key IS NULL
                 OR (named.track_key IS NOT NULL AND named.artist_key IS NOT NULL)
            THEN named.track_key ELSE payloads.track_key END AS track_key,
       CASE WHEN payloads.track_key IS NULL OR payloads.artist_key IS NULL
                 OR (named.track_key IS NOT NULL AND named.artist_key IS NOT NULL)
            THEN named.artist_key ELSE payloads.artist_key END AS artist_key,
       coalesce(payload_album.id, named_album.id) AS album_id,
       (payloads.payload ->> 'duration_ms')::integer AS duration_ms,
       payloads.payload #>> '{external_ids,isrc}' AS isrc,
       payloads.payload ->> 'preview_url' AS preview_url,
       CASE WHEN payloads.artist_key = name_key('Various Artists')
                 AND EXISTS (SELECT FROM export_track_links AS link
                             JOIN export_tracks AS e ON e.id = link.export_track_id
                             WHERE link.track_id = touched_tracks.track_id
                               AND e.song_key IS NOT NULL AND e.artist_key <> name_key('Various Artists'))
            THEN NULL ELSE payloads.song_key END AS payload_song_key,
       payloads.payload -> 'artists' AS payload_artists,
       named_artist.id AS named_artist_id
FROM touched_tracks
LEFT JOIN named USING (track_id)
LEFT JOIN payloads USING (track_id)
LEFT JOIN albums AS payload_album ON payload_album.spotify_id = payloads.payload ->> 'album'
LEFT JOIN albums AS named_album ON named_album.is_canonical_for_name AND named_album.name_key = named.album_key
                               AND named_album.artist_key IS NOT DISTINCT FROM named.artist_key
LEFT JOIN artists AS named_artist ON named_artist.is_canonical_for_name AND named_artist.name_key = named.artist_key;

ANALYZE current_names;
