-- One row per user and song of touched_songs whose sum is new, has changed or is gone, with its first and latest play.
-- Summed are songs of which the user played several tracks. OFFSET 0: they are looked up one by one, because the
-- planner would read all of the user's where it does not know yet how many there are.
WITH summed AS (
    SELECT touched.user_id, touched.song_id, count(*) AS recordings, sum(s.play_count) AS play_count,
           sum(s.total_ms) AS total_ms, min(s.first_played_at) AS first_played_at,
           max(s.last_played_at) AS last_played_at
    FROM touched_songs AS touched
    JOIN tracks AS t USING (song_id)
    CROSS JOIN LATERAL (SELECT play_count, total_ms, first_played_at, last_played_at
                        FROM user_track_stats
                        WHERE user_id = touched.user_id AND track_id = t.id
                        ORDER BY track_id
                        OFFSET 0) AS s
    GROUP BY touched.user_id, touched.song_id
    HAVING count(*) > 1
), removed AS (
    DELETE FROM user_song_sums AS old
    USING touched_songs AS touched
    WHERE old.user_id = touched.user_id AND old.song_id = touched.song_id
      AND NOT EXISTS (SELECT FROM summed WHERE summed.user_id = old.user_id AND summed.song_id = old.song_id)
    RETURNING old.user_id, old.first_played_at, old.last_played_at
), written AS (
    INSERT INTO user_song_sums AS old
        (user_id, song_id, recordings, play_count, total_ms, first_played_at, last_played_at)
    SELECT user_id, song_id, recordings, play_count, total_ms, first_played_at, last_played_at
    FROM summed
    ORDER BY user_id, song_id
    ON CONFLICT (user_id, song_id) DO UPDATE
    SET recordings = excluded.recordings, play_count = excluded.play_count, total_ms = excluded.total_ms,
        first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
    WHERE (old.recordings, old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
          IS DISTINCT FROM (excluded.recordings, excluded.play_count, excluded.total_ms, excluded.first_played_at,
                            excluded.last_played_at)
    RETURNING user_id, first_played_at, last_played_at
)
SELECT user_id, first_played_at, last_played_at FROM removed
UNION ALL
SELECT user_id, first_played_at, last_played_at FROM written
