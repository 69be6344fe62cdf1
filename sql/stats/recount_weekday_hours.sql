-- One row per user, local weekday and hour that is new or has changed, summed from the months. Hours without plays are
-- removed.
WITH summed AS (
    SELECT user_id, weekday, hour, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM user_weekday_hour_months
    WHERE user_id = ANY (%(user_ids)s)
    GROUP BY user_id, weekday, hour
), removed AS (
    DELETE FROM user_weekday_hour_stats AS old
    WHERE old.user_id = ANY (%(user_ids)s)
      AND (old.user_id, old.weekday, old.hour) NOT IN (SELECT user_id, weekday, hour FROM summed)
)
INSERT INTO user_weekday_hour_stats AS old (user_id, weekday, hour, play_count, total_ms)
SELECT user_id, weekday, hour, play_count, total_ms
FROM summed
ON CONFLICT (user_id, weekday, hour) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (excluded.play_count, excluded.total_ms)
