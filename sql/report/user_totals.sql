-- One row: a user's settings and all-time totals.
SELECT user_settings.timezone, users.total_play_count, users.total_listening_ms,
       (SELECT count(*) FROM user_track_stats WHERE user_id = users.id AND play_count > 0) AS tracks,
       (SELECT count(*) FROM user_artist_stats WHERE user_id = users.id) AS artists,
       (SELECT count(DISTINCT month) FROM invalidated_user_months WHERE user_id = users.id) AS invalidated_user_months
FROM users
JOIN user_settings ON user_settings.user_id = users.id
WHERE users.id = %(user_id)s
