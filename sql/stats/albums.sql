-- One row per user and album of touched_albums that is new or has changed, recomputed from the user's tracks; those
-- without plays are removed. A single user is given as user_id: see stats/artists. All tracks of a user are looked at
-- only where those without an album are asked for.
WITH recomputed AS (
    SELECT touched.user_id, touched.album_id, sum(s.play_count) AS play_count, sum(s.total_ms) AS total_ms,
           min(s.first_played_at) AS first_played_at, max(s.last_played_at) AS last_played_at
    FROM touched_albums AS touched
    JOIN tracks ON tracks.album_id = touched.album_id
    JOIN user_track_stats AS s ON s.user_id = touched.user_id AND s.track_id = tracks.id
    WHERE %(user_id)s::bigint IS NULL OR s.user_id = %(user_id)s
    GROUP BY touched.user_id, touched.album_id
    UNION ALL
    SELECT touched.user_id, 0, sum(s.play_count), sum(s.total_ms), min(s.first_played_at), max(s.last_played_at)
    FROM touched_albums AS touched
    JOIN user_track_stats AS s USING (user_id)
    JOIN tracks ON tracks.id = s.track_id
    WHERE touched.album_id = 0 AND tracks.album_id IS NULL
      AND (%(user_id)s::bigint IS NULL OR s.user_id = %(user_id)s)
      AND (SELECT EXISTS (SELECT FROM touched_albums WHERE album_id = 0))
    GROUP BY touched.user_id
), removed AS (
    DELETE FROM user_album_stats AS old
    USING touched_albums AS touched
    WHERE old.user_id = touched.user_id AND old.album_id = touched.album_id
      AND (%(user_id)s::bigint IS NULL OR old.user_id = %(user_id)s)
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
