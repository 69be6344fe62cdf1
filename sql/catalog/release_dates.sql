-- One row per album whose release date changes: because of what MusicBrainz says of its artist, because the album is
-- new or has another name, or because another artist has the name of its artist now.
WITH changed AS (
    SELECT a.name_key
    FROM touched_artist_keys AS touched
    JOIN artists AS a ON a.spotify_id = touched.key
    UNION
    SELECT touched.key::uuid FROM touched_artist_keys AS touched WHERE length(touched.key) = 36 -- else an id
    UNION
    SELECT name_key FROM changed_artist_names
    UNION
    SELECT artist_key FROM changed_album_names
    UNION
    SELECT e.artist_key FROM pending_names JOIN export_tracks AS e ON e.id = pending_names.export_track_id
), named AS MATERIALIZED (
    SELECT a.name_key
    FROM changed
    JOIN artists AS a ON a.name_key = changed.name_key AND a.is_canonical_for_name
    WHERE EXISTS (SELECT FROM musicbrainz_searches AS s
                  WHERE s.object_type = 'artist' AND s.key IN (a.spotify_id, a.name_key::text))
), latest AS (
    SELECT al.id, coalesce(o.payload ->> 'release_date', released.release_date) AS release_date
    FROM named
    JOIN albums AS al ON al.artist_key = named.name_key
    LEFT JOIN spotify_objects AS o ON o.object_type = 'album' AND o.spotify_id = al.spotify_id
    LEFT JOIN ({catalog/first_releases}) AS released
        ON released.artist_key = al.artist_key AND released.title = song_title(al.name)
)
UPDATE albums AS al
SET release_date = latest.release_date, updated_at = now()
FROM latest
WHERE al.id = latest.id AND al.release_date IS DISTINCT FROM latest.release_date
