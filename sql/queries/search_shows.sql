-- One row per show, or audiobook, that a user ever played whose name has all of some words, the most played first.
SELECT kind::text, show, name_key(show) AS show_key, play_count
FROM user_show_stats
WHERE user_id = %(user_id)s AND lower(show) LIKE ALL (%(words)s)
ORDER BY play_count DESC, show COLLATE "C"
LIMIT %(each)s
