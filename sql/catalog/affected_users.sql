-- One row per user whose events may change: users with account data who polled a track whose names may change, and
-- users with plays or account data of a track that may prove to be the same as another.
WITH named AS (
    SELECT e.spotify_id FROM pending_names JOIN export_tracks AS e ON e.id = pending_names.export_track_id
    UNION
    SELECT spotify_id FROM pending_objects WHERE object_type = 'track'
), polled AS (
    SELECT DISTINCT user_id
    FROM polled_plays
    WHERE spotify_id IN (SELECT spotify_id FROM named
                         UNION
                         SELECT alias.spotify_id
                         FROM named
                         JOIN tracks AS t USING (spotify_id)
                         JOIN track_aliases AS alias ON alias.track_id = t.id
                         UNION
                         SELECT other.spotify_id
                         FROM named
                         JOIN track_aliases AS alias USING (spotify_id)
                         JOIN tracks AS t ON t.id = alias.track_id
                         CROSS JOIN LATERAL (SELECT t.spotify_id
                                             UNION
                                             SELECT a.spotify_id FROM track_aliases AS a WHERE a.track_id = t.id
                                            ) AS other)
)
SELECT user_id
FROM polled
WHERE EXISTS (SELECT FROM imported_plays AS p WHERE p.user_id = polled.user_id AND p.context_id IS NULL)
UNION
SELECT e.user_id
FROM relinked_ids
JOIN tracks AS t USING (spotify_id)
JOIN listening_events AS e ON e.track_id = t.id
UNION
SELECT p.user_id
FROM relinked_ids
JOIN tracks AS t USING (spotify_id)
JOIN export_track_links AS link ON link.track_id = t.id
JOIN export_tracks AS names ON names.id = link.export_track_id AND names.spotify_id IS NULL
JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
UNION
SELECT p.user_id
FROM pending_names
JOIN export_tracks AS names ON names.id = pending_names.export_track_id AND names.spotify_id IS NULL
JOIN track_searches AS search ON search.track_key = names.track_key AND search.artist_key = names.artist_key
JOIN export_tracks AS e ON e.spotify_id IS NULL AND e.track_key = names.track_key AND e.artist_key = names.artist_key
                       AND e.kind = 'TRACK'
JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = e.id
WHERE search.spotify_id IS NOT NULL
UNION
SELECT e.user_id -- of local files, which the extended history names without an id
FROM pending_names
JOIN export_tracks AS names ON names.id = pending_names.export_track_id AND names.spotify_id IS NULL
JOIN track_searches AS search ON search.track_key = names.track_key AND search.artist_key = names.artist_key
JOIN tracks AS t ON t.spotify_id IS NULL AND t.merged_into IS NULL
                AND t.name_key = names.track_key AND t.artist_key = names.artist_key
JOIN listening_events AS e ON e.track_id = t.id
WHERE search.spotify_id IS NOT NULL
ORDER BY user_id
