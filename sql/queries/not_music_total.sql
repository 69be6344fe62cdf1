-- One row per kind of what is not music and was played in some local days.
SELECT kind::text, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
FROM episode_events
WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
  AND (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
GROUP BY kind
ORDER BY count(*) DESC, kind
