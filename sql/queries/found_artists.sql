-- One row per artist who was played for the first time ever in some local days, those played most since first.
SELECT artist_id AS id, play_count
FROM user_artist_stats
WHERE user_id = %(user_id)s
  AND first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
  AND (%(is_exact)s OR (first_played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s)
  AND (%(tracks)s::bigint[] IS NULL
       OR artist_id = ANY (ARRAY(SELECT artist_id FROM track_artists WHERE track_id = ANY (%(tracks)s))))
ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, artist_id
LIMIT %(each)s
