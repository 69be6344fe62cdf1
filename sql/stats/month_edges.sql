-- One row per listener, month that begins and track played while it had begun either at the listener's clock or in UTC. Month by
-- month, so that only plays near its beginning are read.
SELECT user_id, begins AS month, moved.*
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS listener (user_id, timezone)
CROSS JOIN unnest(%(edges)s::date[]) AS begins
CROSS JOIN LATERAL (
    SELECT track_id, sum(sign) AS play_count, sum(sign * ms_played)::bigint AS total_ms
    FROM (SELECT track_id, ms_played,
                 (played_at AT TIME ZONE timezone >= begins)::integer - (played_at AT TIME ZONE 'UTC' >= begins)::integer AS sign
          FROM listening_events
          WHERE user_id = listener.user_id
            AND played_at >= begins::timestamptz - interval '1 day' AND played_at < begins::timestamptz + interval '1 day'
            AND played_at >= %(edges_from)s AND played_at < %(edges_to)s) AS near
    WHERE sign <> 0
    GROUP BY track_id
) AS moved
