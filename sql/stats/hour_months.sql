-- One row per listener, stale UTC month and local hour with plays.
SELECT listener.user_id, counted.*
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS listener (user_id, timezone)
CROSS JOIN LATERAL (
    SELECT month, hour, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
    FROM (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                 date_part('hour', played_at AT TIME ZONE listener.timezone)::smallint AS hour, ms_played
          FROM listening_events
          WHERE user_id = listener.user_id AND played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS events
    WHERE month = ANY (%(months)s)
    GROUP BY month, hour
) AS counted
