-- One row per user and album of touched_albums that is new or has changed, recomputed from the user's tracks; those
-- without plays are removed. All tracks of a user are looked at only where those without an album are asked for. OFFSET
-- 0: see stats/songs.
WITH recomputed AS (
    SELECT touched.user_id, touched.album_id, sum(s.play_count) AS play_count, sum(s.total_ms) AS total_ms,
           min(s.first_played_at) AS first_played_at, max(s.last_played_at) AS last_played_at
    FROM touched_albums AS touched
    JOIN tracks AS t ON t.album_id = touched.album_id
    CROSS JOIN LATERAL (SELECT play_count, total_ms, first_played_at, last_played_at
                        FROM user_track_stats
                        WHERE user_id = touched.user_id AND track_id = t.id
                        ORDER BY track_id
                        OFFSET 0) AS s
    GROUP BY touched.user_id, touched.album_id
    UNION ALL
    SELECT touched.user_id, 0, sum(s.play_count), sum(s.total_ms), min(s.first_played_at), max(s.last_played_at)
    FROM touched_albums AS touched
    JOIN user_track_stats AS s USING (user_id)
    JOIN tracks ON tracks.id = s.track_id
    WHERE touched.album_id = 0 AND tracks.album_id IS NULL
      AND (SELECT EXISTS (SELECT FROM touched_albums WHERE album_id = 0))
    GROUP BY touched.user_id
), removed AS (
    DELETE FROM user_album_stats AS old
    USING touched_albums AS touched
    WHERE old.user_id = touched.user_id AND old.album_id = touched.album_id
      AND (old.user_id, old.album_id) NOT IN (SELECT user_id, album_id FROM recomputed)
)
INSERT INTO user_album_stats AS old (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, album_id, play_count, total_ms, first_played_at, last_played_at
FROM recomputed
ORDER BY user_id, album_id
ON CONFLICT (user_id, album_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
