-- One row per session of some local days: plays that filters leave, with less than a gap between an end and the next
-- beginning.
SELECT min(played_at - ms_played * interval '1 millisecond') AS started_at, max(played_at) AS ended_at,
       count(*) AS play_count, sum(ms_played)::bigint AS total_ms,
       (array_agg(track_id ORDER BY played_at, track_id))[1] AS first_track_id
FROM (SELECT track_id, played_at, ms_played,
             count(*) FILTER (WHERE is_new) OVER (ORDER BY played_at, track_id) AS number
      FROM (SELECT e.track_id, e.played_at, e.ms_played,
                   e.played_at - e.ms_played * interval '1 millisecond'
                   >= lag(e.played_at) OVER (ORDER BY e.played_at, e.track_id) + %(gap)s AS is_new
            FROM listening_events AS e
            LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
            WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
              AND (%(is_exact)s
                   OR (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s)
              AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
              AND (%(platform)s::text IS NULL OR coalesce(heard.platform_family, 'unknown') = %(platform)s)
              AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))
           ) AS plays) AS numbered
GROUP BY number
ORDER BY started_at
