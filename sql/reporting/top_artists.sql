-- One row per user and artist among the user's most played ones.
SELECT users.name AS "user", artists.name AS artist, top.play_count, round(top.total_ms / 3600000.0, 1)::float8 AS hours
FROM users
CROSS JOIN LATERAL (SELECT artist_id, play_count, total_ms
                    FROM user_artist_stats
                    WHERE user_id = users.id
                    ORDER BY play_count DESC, total_ms DESC, artist_id
                    LIMIT %(each)s) AS top
JOIN artists ON artists.id = top.artist_id
WHERE users.id = ANY (%(user_ids)s::bigint[])
ORDER BY users.name, top.play_count DESC, top.total_ms DESC, top.artist_id
