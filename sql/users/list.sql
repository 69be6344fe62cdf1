-- One row per user.
SELECT users.id, users.name, user_settings.timezone, users.total_play_count, users.total_listening_ms,
       (SELECT min(bucket_date) FROM user_time_bucket_stats AS b
        WHERE b.user_id = users.id AND b.bucket_type = 'DAY') AS first_played_on,
       (SELECT max(last_played_at) FROM user_track_stats AS s WHERE s.user_id = users.id) AS last_played_at,
       users.last_ingested_at,
       (SELECT count(DISTINCT month) FROM invalidated_user_months AS s
        WHERE s.user_id = users.id) AS invalidated_user_months
FROM users
JOIN user_settings ON user_settings.user_id = users.id
ORDER BY users.name
