-- One row per user, by name: with all-time totals.
SELECT users.id, users.name, users.display_name, users.total_play_count AS play_count,
       users.total_listening_ms AS total_ms,
       greatest(
           (SELECT max(bucket_date) FROM user_time_bucket_stats AS b
            WHERE b.user_id = users.id AND b.bucket_type = 'DAY'),
           ((SELECT max(played_at) FROM episode_events AS e WHERE e.user_id = users.id)
            AT TIME ZONE settings.timezone)::date
       ) AS last_day,
       settings.allows_comparison
FROM users
JOIN user_settings AS settings ON settings.user_id = users.id
WHERE users.name > %(after)s
ORDER BY users.name
LIMIT %(each)s
