-- One row per session of some local days: plays with less than a gap between an end and the next beginning.
SELECT min(played_at - ms_played * interval '1 millisecond') AS started_at, max(played_at) AS ended_at,
       count(*) AS play_count, sum(ms_played)::bigint AS total_ms,
       (array_agg(track_id ORDER BY played_at, track_id))[1] AS first_track_id
FROM (SELECT track_id, played_at, ms_played,
             count(*) FILTER (WHERE is_new) OVER (ORDER BY played_at, track_id) AS number
      FROM (SELECT track_id, played_at, ms_played,
                   played_at - ms_played * interval '1 millisecond'
                   >= lag(played_at) OVER (ORDER BY played_at, track_id) + %(gap)s AS is_new
            FROM listening_events
            WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
              AND (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s) AS plays) AS numbered
GROUP BY number
ORDER BY started_at
