-- One row per local day, and per ISO week and local month that lies whole within the days.
INSERT INTO fresh_buckets (bucket_type, bucket_date, play_count, total_ms, unique_tracks)
WITH local_plays AS (
    SELECT (played_at AT TIME ZONE %(timezone)s)::date AS day, track_id, ms_played
    FROM listening_events
    WHERE user_id = %(user_id)s
      AND played_at >= %(first_day)s::timestamptz - interval '2 days'
      AND played_at < %(last_day)s::timestamptz + interval '3 days'
), day_tracks AS MATERIALIZED (
    SELECT day, track_id, count(*) AS play_count, sum(ms_played) AS total_ms
    FROM local_plays
    WHERE day BETWEEN %(first_day)s AND %(last_day)s
    GROUP BY day, track_id
), week_tracks AS (
    SELECT date_trunc('week', day)::date AS week, track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM day_tracks
    GROUP BY 1, 2
), month_tracks AS (
    SELECT date_trunc('month', day)::date AS month, track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM day_tracks
    GROUP BY 1, 2
)
SELECT 'DAY'::bucket_type, day, sum(play_count), sum(total_ms), count(*)
FROM day_tracks
GROUP BY day
UNION ALL
SELECT 'WEEK', week, sum(play_count), sum(total_ms), count(*)
FROM week_tracks
WHERE week BETWEEN %(first_week)s AND %(last_week)s
GROUP BY week
UNION ALL
SELECT 'MONTH', month, sum(play_count), sum(total_ms), count(*)
FROM month_tracks
WHERE month BETWEEN %(first_month)s AND %(last_month)s
GROUP BY month
