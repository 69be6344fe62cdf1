-- One row per track of the user whose all-time counts become the sums of its months.
WITH summed AS (
    SELECT track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
           min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
    FROM user_track_months
    WHERE user_id = %(user_id)s
    GROUP BY track_id
), removed AS (
    DELETE FROM user_track_stats AS old
    WHERE old.user_id = %(user_id)s AND NOT EXISTS (SELECT FROM summed WHERE summed.track_id = old.track_id)
)
INSERT INTO user_track_stats AS old (user_id, track_id, play_count, total_ms, first_played_at, last_played_at)
SELECT %(user_id)s, track_id, play_count, total_ms, first_played_at, last_played_at FROM summed ORDER BY track_id
ON CONFLICT (user_id, track_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
