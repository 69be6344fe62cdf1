-- One row per listener, stale UTC month and local hour with plays.
SELECT user_id, month, hour, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
FROM (SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
             date_part('hour', played_at AT TIME ZONE timezone)::smallint AS hour, ms_played
      FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS listener (user_id, timezone)
      JOIN listening_events USING (user_id)
      WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS events
WHERE month = ANY (%(months)s)
GROUP BY user_id, month, hour
