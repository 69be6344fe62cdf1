-- One row per Spotify id that is one track with a stale one. The track is known by the least of the ids that were asked for.
INSERT INTO relinked_ids (spotify_id, kept_id)
WITH RECURSIVE reached (seed, spotify_id) AS (
    SELECT s.spotify_id, s.spotify_id
    FROM pending_objects AS s
    WHERE s.object_type = 'track' AND EXISTS (SELECT FROM track_relinks AS r WHERE r.asked_id = s.spotify_id)
    UNION
    SELECT reached.seed, other.spotify_id
    FROM reached
    CROSS JOIN LATERAL (SELECT r.returned_id FROM track_relinks AS r WHERE r.asked_id = reached.spotify_id
                        UNION ALL
                        SELECT r.asked_id FROM track_relinks AS r WHERE r.returned_id = reached.spotify_id) AS other (spotify_id)
), kept AS (
    SELECT seed, min(spotify_id COLLATE "C") AS kept_id
    FROM reached
    WHERE EXISTS (SELECT FROM track_relinks AS r WHERE r.asked_id = reached.spotify_id)
    GROUP BY seed
)
SELECT DISTINCT reached.spotify_id, kept.kept_id
FROM reached
JOIN kept USING (seed)
