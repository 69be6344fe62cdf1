-- One row per local day, and per ISO week and local month that lies whole within the days.
INSERT INTO fresh_buckets (bucket_type, bucket_date, play_count, total_ms, unique_tracks)
WITH day_tracks AS MATERIALIZED (
    SELECT day, track_id, count(*) AS play_count, sum(ms_played) AS total_ms
    FROM local_plays
    WHERE day BETWEEN %(first_day)s AND %(last_day)s
    GROUP BY day, track_id
), week_tracks AS (
    SELECT day - extract(isodow FROM day)::integer + 1 AS week, track_id,
           sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM day_tracks
    WHERE day BETWEEN %(first_week)s AND %(last_week)s::date + 6
    GROUP BY week, track_id
), month_tracks AS (
    SELECT day - extract(day FROM day)::integer + 1 AS month, track_id,
           sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM day_tracks
    WHERE day BETWEEN %(first_month)s AND (%(last_month)s::date + interval '1 month')::date - 1
    GROUP BY month, track_id
)
SELECT 'DAY'::bucket_type, day, sum(play_count), sum(total_ms), count(*)
FROM day_tracks
GROUP BY day
UNION ALL
SELECT 'WEEK', week, sum(play_count), sum(total_ms), count(*)
FROM week_tracks
GROUP BY week
UNION ALL
SELECT 'MONTH', month, sum(play_count), sum(total_ms), count(*)
FROM month_tracks
GROUP BY month
