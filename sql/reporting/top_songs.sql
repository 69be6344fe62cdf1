-- One row per user and song among the user's most played ones.
SELECT users.name AS "user", top.name AS song, coalesce(top.artist, '') AS artist, top.recordings,
       top.play_count, round(top.total_ms / 3600000.0, 1)::float8 AS hours
FROM users
CROSS JOIN LATERAL top_songs(users.id, %(each)s) WITH ORDINALITY AS top
    (song_id, name, artist, recordings, play_count, total_ms, rank)
WHERE users.id = ANY (%(user_ids)s::bigint[])
ORDER BY users.name, top.rank
