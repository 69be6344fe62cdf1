-- One row per song that was played for the first time ever in some local days, those played most since first.
SELECT track_id AS id, play_count
FROM ({queries/first_songs}) AS first_songs
WHERE first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
  AND (%(is_exact)s OR (first_played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s)
ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, track_id
LIMIT %(each)s
