-- One row per user: all-time totals.
SELECT users.name AS "user", user_settings.timezone, users.total_play_count AS play_count,
       round(users.total_listening_ms / 3600000.0, 1)::float8 AS hours
FROM users
JOIN user_settings ON user_settings.user_id = users.id
WHERE users.id = ANY (%s::bigint[])
ORDER BY users.name
