-- One row per local month in which a show was played.
SELECT date_trunc('month', played_at AT TIME ZONE %(zone)s)::date AS first_day, count(*) AS play_count,
       sum(ms_played)::bigint AS total_ms
FROM episode_events
WHERE user_id = %(user_id)s
  AND export_track_id IN (SELECT export_track_id FROM named_episodes WHERE name_key(show) = %(show_key)s)
GROUP BY first_day
ORDER BY first_day
