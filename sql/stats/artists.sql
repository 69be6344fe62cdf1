-- One row per user and artist of touched_artists that is new or has changed, recomputed from the user's tracks; those
-- without plays are removed. OFFSET 0: see stats/songs.
WITH recomputed AS (
    SELECT touched.user_id, touched.artist_id, sum(s.play_count) AS play_count, sum(s.total_ms) AS total_ms,
           min(s.first_played_at) AS first_played_at, max(s.last_played_at) AS last_played_at
    FROM touched_artists AS touched
    JOIN track_artists AS credit USING (artist_id)
    CROSS JOIN LATERAL (SELECT play_count, total_ms, first_played_at, last_played_at
                        FROM user_track_stats
                        WHERE user_id = touched.user_id AND track_id = credit.track_id
                        ORDER BY track_id
                        OFFSET 0) AS s
    GROUP BY touched.user_id, touched.artist_id
), removed AS (
    DELETE FROM user_artist_stats AS old
    USING touched_artists AS touched
    WHERE old.user_id = touched.user_id AND old.artist_id = touched.artist_id
      AND (old.user_id, old.artist_id) NOT IN (SELECT user_id, artist_id FROM recomputed)
)
INSERT INTO user_artist_stats AS old (user_id, artist_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, artist_id, play_count, total_ms, first_played_at, last_played_at FROM recomputed
ON CONFLICT (user_id, artist_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
