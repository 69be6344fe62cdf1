-- One row per known play of a user within the time of a page.
SELECT played_at, spotify_id, duration_ms IS NOT NULL AS has_length, context_uri IS NOT NULL AS has_context
FROM polled_plays
WHERE user_id = %(user_id)s AND played_at BETWEEN %(first)s AND %(last)s
