-- One row per local day, and per ISO week and local month that lies whole within the days.
INSERT INTO fresh_buckets (bucket_type, bucket_date, play_count, total_ms, unique_tracks)
WITH days AS MATERIALIZED (
    SELECT day, count(*) AS play_count, sum(ms_played) AS total_ms,
           count(*) FILTER (WHERE is_new_of_day) AS new_of_day,
           count(*) FILTER (WHERE is_new_of_week) AS new_of_week,
           count(*) FILTER (WHERE is_new_of_month) AS new_of_month
    FROM local_plays
    WHERE day BETWEEN %(first_day)s AND %(last_day)s
    GROUP BY day
)
SELECT 'DAY'::bucket_type, day, play_count, total_ms, new_of_day
FROM days
UNION ALL
SELECT 'WEEK', day - extract(isodow FROM day)::integer + 1 AS week, sum(play_count), sum(total_ms), sum(new_of_week)
FROM days
WHERE day BETWEEN %(first_week)s AND %(last_week)s::date + 6
GROUP BY week
UNION ALL
SELECT 'MONTH', day - extract(day FROM day)::integer + 1 AS month, sum(play_count), sum(total_ms), sum(new_of_month)
FROM days
WHERE day BETWEEN %(first_month)s AND (%(last_month)s::date + interval '1 month')::date - 1
GROUP BY month
