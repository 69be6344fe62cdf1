-- One row per user and local day with plays, and per ISO week and local month that lies completely within the days. The
-- first play of each track in its day, week (2001-01-01 was a Monday) or month is marked, and adding up the marks
-- counts distinct tracks. User by user, so that less is sorted at once.
SELECT chosen.user_id, bucket.bucket_type, bucket.bucket_date, bucket.play_count, bucket.total_ms, bucket.unique_tracks
FROM unnest(%(user_ids)s::bigint[], %(timezones)s::text[]) AS chosen (user_id, timezone)
CROSS JOIN LATERAL (
    WITH local_plays AS (
        SELECT day, ms_played,
               (day_before IS DISTINCT FROM day) AS is_new_of_day,
               coalesce(day_before < day - (day - date '2001-01-01') %% 7, true) AS is_new_of_week,
               coalesce(day_before < date_trunc('month', local_at)::date, true) AS is_new_of_month
        FROM (SELECT local_at, local_at::date AS day, ms_played,
                     lag(local_at::date) OVER (PARTITION BY track_id ORDER BY local_at) AS day_before
              FROM (SELECT track_id, played_at AT TIME ZONE chosen.timezone AS local_at, ms_played
                    FROM listening_events
                    WHERE user_id = chosen.user_id
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
