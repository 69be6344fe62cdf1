-- One row per user and album among the user's most played ones; plays without an album are left out.
SELECT users.name AS "user", named.name AS album, coalesce(named.artist, '') AS artist,
       top.play_count, round(top.total_ms / 3600000.0, 1)::float8 AS hours
FROM users
CROSS JOIN LATERAL (SELECT album_id, play_count, total_ms
                    FROM user_album_stats
                    WHERE user_id = users.id AND album_id <> 0
                    ORDER BY play_count DESC, total_ms DESC, album_id
                    LIMIT %(each)s) AS top
JOIN named_albums AS named ON named.id = top.album_id
WHERE users.id = ANY (%(user_ids)s::bigint[])
ORDER BY users.name, top.play_count DESC, top.total_ms DESC, top.album_id
