-- One row per user and recomputed UTC month with plays: the hours of the local week, counted from Monday, the skips,
-- and the contexts of the plays (0 where none is known), with plays and milliseconds of each hour and context. The
-- events are read once. 1970 began on a Thursday, 72 hours into its week. Arrays are text, which is copied as it is.
SELECT chosen.user_id, counted.month,
       array_agg(counted.week_hour ORDER BY counted.week_hour) FILTER (WHERE by_hour)::text AS week_hours,
       array_agg(counted.play_count ORDER BY counted.week_hour) FILTER (WHERE by_hour)::text AS play_counts,
       array_agg(counted.total_ms ORDER BY counted.week_hour) FILTER (WHERE by_hour)::text AS total_ms,
       coalesce(sum(counted.skip_count) FILTER (WHERE by_hour), 0)::integer AS skip_count,
       coalesce(sum(counted.skip_ms) FILTER (WHERE by_hour), 0)::bigint AS skip_ms,
       array_agg(counted.context_id ORDER BY counted.context_id) FILTER (WHERE NOT by_hour)::text AS context_ids,
       array_agg(counted.play_count ORDER BY counted.context_id) FILTER (WHERE NOT by_hour)::text AS context_counts,
       array_agg(counted.total_ms ORDER BY counted.context_id) FILTER (WHERE NOT by_hour)::text AS context_ms
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS chosen (user_id, timezone)
CROSS JOIN LATERAL (
    SELECT month, week_hour, context_id, grouping(context_id) = 1 AS by_hour, count(*)::integer AS play_count,
           sum(ms_played)::bigint AS total_ms, count(*) FILTER (WHERE is_skip) AS skip_count,
           sum(ms_played) FILTER (WHERE is_skip) AS skip_ms
    FROM (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                 (floor(date_part('epoch', played_at AT TIME ZONE chosen.timezone) / 3600)::integer + 72) %% 168
                     AS week_hour,
                 coalesce(context_id, 0) AS context_id, ms_played, is_skip
          FROM listening_events
          WHERE user_id = chosen.user_id AND played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS events
    WHERE month = ANY (%(months)s)
    GROUP BY GROUPING SETS ((month, week_hour), (month, context_id))
) AS counted
GROUP BY chosen.user_id, counted.month
