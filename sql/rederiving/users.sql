-- One row per user, by name: plays that count now, of music and of everything else.
SELECT users.id AS user_id, users.name, users.total_play_count AS play_count,
       (SELECT count(*) FROM episode_events AS e WHERE e.user_id = users.id) AS other_play_count
FROM users
WHERE %(user_id)s::bigint IS NULL OR users.id = %(user_id)s
ORDER BY users.name
