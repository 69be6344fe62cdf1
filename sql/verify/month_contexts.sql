-- One row per month whose plays were not heard in the contexts of the events, or skips of which are not theirs.
SELECT month, 'the contexts of ' || month || ' are not what the events say'
FROM (SELECT * FROM user_month_contexts WHERE user_id = %(user_id)s AND month <> ALL (%(unknown)s::date[])) AS old
FULL JOIN (SELECT month, sum(skip_count) AS skip_count, sum(skip_ms) AS skip_ms,
                  array_agg(context_id ORDER BY context_id) AS context_ids,
                  array_agg(play_count ORDER BY context_id) AS play_counts,
                  array_agg(total_ms ORDER BY context_id) AS total_ms
           FROM (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                        coalesce(context_id, 0) AS context_id, count(*)::integer AS play_count,
                        sum(ms_played)::bigint AS total_ms, count(*) FILTER (WHERE is_skip) AS skip_count,
                        coalesce(sum(ms_played) FILTER (WHERE is_skip), 0) AS skip_ms
                 FROM listening_events
                 WHERE user_id = %(user_id)s
                   AND date_trunc('month', played_at AT TIME ZONE 'UTC')::date <> ALL (%(unknown)s::date[])
                 GROUP BY month, coalesce(context_id, 0)) AS events
           GROUP BY month) AS new USING (month)
WHERE (old.skip_count, old.skip_ms, old.context_ids, old.play_counts, old.total_ms)
      IS DISTINCT FROM (new.skip_count, new.skip_ms, new.context_ids, new.play_counts, new.total_ms)
ORDER BY month
