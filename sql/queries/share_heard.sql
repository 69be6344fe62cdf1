-- One row per share of the track that plays of some UTC months heard: view user_context_months says which.
SELECT dimension::text, value, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM user_context_months
WHERE user_id = %(user_id)s AND month >= %(first_month)s AND month < %(end_month)s AND dimension = 'SHARE_HEARD'
GROUP BY dimension, value
ORDER BY sum(play_count) DESC, value
