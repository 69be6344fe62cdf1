-- One row per known play of a listener within a page's time.
SELECT played_at, spotify_id, duration_ms IS NOT NULL AS has_length
FROM polled_plays
WHERE user_id = %(user_id)s AND played_at BETWEEN %(first)s AND %(last)s
