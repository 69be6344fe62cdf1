-- One row per user, recomputed UTC month and local hour with plays.
SELECT chosen.user_id, counted.month, counted.hour, counted.play_count, counted.total_ms
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS chosen (user_id, timezone)
CROSS JOIN LATERAL (
    SELECT month, hour, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
    FROM (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                 date_part('hour', played_at AT TIME ZONE chosen.timezone)::smallint AS hour, ms_played
          FROM listening_events
          WHERE user_id = chosen.user_id AND played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS events
    WHERE month = ANY (%(months)s)
    GROUP BY month, hour
) AS counted
