-- One row per user and track among the user's most played ones.
SELECT users.name AS "user", named.name AS track, coalesce(named.artist, '') AS artists,
       top.play_count, round(top.total_ms / 3600000.0, 1)::float8 AS hours
FROM users
CROSS JOIN LATERAL (SELECT track_id, play_count, total_ms
                    FROM user_track_stats
                    WHERE user_id = users.id
                    ORDER BY play_count DESC, total_ms DESC, track_id
                    LIMIT %(each)s) AS top
JOIN named_tracks AS named ON named.id = top.track_id
WHERE users.id = ANY (%(user_ids)s::bigint[])
ORDER BY users.name, top.play_count DESC, top.total_ms DESC, top.track_id
