-- One row per user and local hour that is new or has changed, summed from those of the weekdays. Hours without plays
-- are removed.
WITH summed AS (
    SELECT user_id, hour, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM user_weekday_hour_stats
    WHERE user_id = ANY (%(user_ids)s)
    GROUP BY user_id, hour
), removed AS (
    DELETE FROM user_hour_stats AS old
    WHERE old.user_id = ANY (%(user_ids)s)
      AND (old.user_id, old.hour) NOT IN (SELECT user_id, hour FROM summed)
)
INSERT INTO user_hour_stats AS old (user_id, hour, play_count, total_ms)
SELECT user_id, hour, play_count, total_ms
FROM summed
ON CONFLICT (user_id, hour) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (excluded.play_count, excluded.total_ms)
