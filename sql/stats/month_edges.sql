-- One row per user, month that begins and track that was played while the month had begun in local time or in UTC, but
-- not in both. Month by month, so that only plays near its beginning are read.
SELECT chosen.user_id, begins AS month, moved.track_id, moved.play_count, moved.total_ms
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS chosen (user_id, timezone)
CROSS JOIN unnest(%(edges)s::date[]) AS begins
CROSS JOIN LATERAL (
    SELECT track_id, sum(sign) AS play_count, sum(sign * ms_played)::bigint AS total_ms
    FROM (SELECT track_id, ms_played,
                 (played_at AT TIME ZONE timezone >= begins)::integer
                 - (played_at AT TIME ZONE 'UTC' >= begins)::integer AS sign
          FROM listening_events
          WHERE user_id = chosen.user_id
            AND played_at >= begins::timestamptz - interval '1 day'
            AND played_at < begins::timestamptz + interval '1 day'
            AND played_at >= %(edges_from)s AND played_at < %(edges_to)s) AS near
    WHERE sign <> 0
    GROUP BY track_id
) AS moved
