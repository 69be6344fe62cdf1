-- At most one row: a show, or audiobook, that a user ever played.
SELECT kind::text, show, name_key(show) AS show_key, episode_count, play_count, total_ms,
       first_played_at, last_played_at
FROM user_show_stats
WHERE user_id = %(user_id)s AND name_key(show) = %(show_key)s
ORDER BY play_count DESC, kind
LIMIT 1
