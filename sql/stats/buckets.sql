-- One row per listener and local day with plays, and per ISO week and local month that lies whole within the days. Of each
-- track the first play in its day, week (2001-01-01 was a Monday) or month is told apart: adding those up counts distinct
-- tracks. Listener by listener, so that less is sorted.
SELECT listener.user_id, bucket.*
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS listener (user_id, timezone)
CROSS JOIN LATERAL (
    WITH local_plays AS (
        SELECT day, ms_played,
               day_before IS DISTINCT FROM day AS is_new_of_day,
               coalesce(day_before < day - (day - date '2001-01-01') %% 7, true) AS is_new_of_week,
               coalesce(day_before < date_trunc('month', local_at)::date, true) AS is_new_of_month
        FROM (SELECT local_at, local_at::date AS day, ms_played,
                     lag(local_at::date) OVER (PARTITION BY track_id ORDER BY local_at) AS day_before
              FROM (SELECT track_id, played_at AT TIME ZONE listener.timezone AS local_at, ms_played
                    FROM listening_events
                    WHERE user_id = listener.user_id
                      AND played_at >= %(days_from)s AND played_at < %(days_to)s) AS events) AS followed
    ), days AS MATERIALIZED (
        SELECT day, count(*) AS play_count, sum(ms_played) AS total_ms,
               count(*) FILTER (WHERE is_new_of_day) AS new_of_day,
               count(*) FILTER (WHERE is_new_of_week) AS new_of_week,
               count(*) FILTER (WHERE is_new_of_month) AS new_of_month
        FROM local_plays
        WHERE day BETWEEN %(first_day)s AND %(last_day)s
        GROUP BY day
    )
    SELECT 'DAY' AS bucket_type, day AS bucket_date, play_count, total_ms::bigint, new_of_day AS unique_tracks
    FROM days
    UNION ALL
    SELECT 'WEEK', day - (day - date '2001-01-01') %% 7 AS week,
           sum(play_count)::bigint, sum(total_ms)::bigint, sum(new_of_week)::bigint
    FROM days
    WHERE day BETWEEN %(first_week)s AND %(last_week)s::date + 6
    GROUP BY week
    UNION ALL
    SELECT 'MONTH', date_trunc('month', day)::date AS month,
           sum(play_count)::bigint, sum(total_ms)::bigint, sum(new_of_month)::bigint
    FROM days
    WHERE day BETWEEN %(first_month)s AND (%(last_month)s::date + interval '1 month')::date - 1
    GROUP BY month
) AS bucket
