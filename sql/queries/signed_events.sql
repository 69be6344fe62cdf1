-- One row per play that the UTC months of a range of local days count too little (1) or too much (-1).
SELECT id, track_id, context_id, ms_played, is_skip, local_at, sign
FROM (SELECT e.id, e.track_id, e.context_id, e.ms_played, e.is_skip, e.played_at AT TIME ZONE %(zone)s AS local_at,
             ((e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s)::integer
             - (e.played_at >= %(months_from)s AND e.played_at < %(months_to)s)::integer AS sign
      FROM (SELECT * FROM listening_events
            WHERE user_id = %(user_id)s AND played_at >= %(begin_from)s AND played_at < %(begin_to)s
            UNION ALL
            SELECT * FROM listening_events
            WHERE user_id = %(user_id)s AND played_at >= %(end_from)s AND played_at < %(end_to)s) AS e) AS near
WHERE sign <> 0
