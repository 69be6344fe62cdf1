-- One row: what was played of a show, or an audiobook, in some local days.
SELECT count(*) AS play_count, coalesce(sum(ms_played), 0)::bigint AS total_ms
FROM episode_events
WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
  AND (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
  AND export_track_id IN (SELECT export_track_id FROM named_episodes WHERE name_key(show) = %(show_key)s)
