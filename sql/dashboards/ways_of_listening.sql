-- One row per dimension and value: how a user's plays of all time were heard, the most frequent value first.
SELECT dimension::text AS dimension, value, play_count, total_ms
FROM user_context_stats
WHERE user_id = %(user_id)s
ORDER BY dimension, play_count DESC, total_ms DESC, value
