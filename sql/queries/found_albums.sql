-- One row per album that was played for the first time ever in some local days, those played most since first.
SELECT album_id AS id, play_count
FROM user_album_stats
WHERE user_id = %(user_id)s AND album_id <> 0
  AND first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
  AND (%(is_exact)s OR (first_played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s)
  AND (%(tracks)s::bigint[] IS NULL OR album_id = ANY (ARRAY(SELECT album_id FROM tracks WHERE id = ANY (%(tracks)s))))
ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, album_id
LIMIT %(each)s
