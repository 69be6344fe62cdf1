-- One row per dimension and value: how all plays of a user were heard, the most common first.
SELECT dimension::text, value, play_count, total_ms
FROM user_context_stats
WHERE user_id = %(user_id)s
ORDER BY dimension, play_count DESC, value
