-- One row per Spotify id that belongs to the same track as one with a changed payload. The catalog keeps the track
-- under the smallest of the ids with which Spotify was asked.
INSERT INTO relinked_ids (spotify_id, kept_id)
WITH RECURSIVE reached (seed, spotify_id) AS (
    SELECT p.spotify_id, p.spotify_id
    FROM pending_objects AS p
    WHERE p.object_type = 'track' AND EXISTS (SELECT FROM track_relinks AS r WHERE r.asked_id = p.spotify_id)
    UNION
    SELECT reached.seed, other.spotify_id
    FROM reached
    CROSS JOIN LATERAL (SELECT r.returned_id FROM track_relinks AS r WHERE r.asked_id = reached.spotify_id
                        UNION ALL
                        SELECT r.asked_id FROM track_relinks AS r WHERE r.returned_id = reached.spotify_id
                       ) AS other (spotify_id)
), kept AS (
    SELECT seed, min(spotify_id COLLATE "C") AS kept_id
    FROM reached
    WHERE EXISTS (SELECT FROM track_relinks AS r WHERE r.asked_id = reached.spotify_id)
    GROUP BY seed
)
SELECT DISTINCT reached.spotify_id, kept.kept_id
FROM reached
JOIN kept USING (seed)
