-- The statistics of some users who have none yet, without the most played tracks of years. Their months exist already.

INSERT INTO user_hour_months (user_id, month, week_hours, play_counts, total_ms)
SELECT user_id, month, array_agg(week_hour ORDER BY week_hour), array_agg(play_count ORDER BY week_hour),
       array_agg(total_ms ORDER BY week_hour)
FROM (SELECT user_id, month, (date_part('isodow', local_at) - 1) * 24 + date_part('hour', local_at) AS week_hour,
             count(*) AS play_count, sum(ms_played) AS total_ms
      FROM (SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                   played_at AT TIME ZONE timezone AS local_at, ms_played
            FROM listening_events
            JOIN user_settings USING (user_id)
            WHERE user_id BETWEEN %(first)s AND %(last)s) AS events
      GROUP BY user_id, month, week_hour) AS counted
GROUP BY user_id, month
ORDER BY user_id, month;

INSERT INTO user_month_contexts (user_id, month, skip_count, skip_ms, context_ids, play_counts, total_ms)
SELECT user_id, month, sum(skip_count), sum(skip_ms), array_agg(context_id ORDER BY context_id),
       array_agg(play_count ORDER BY context_id), array_agg(total_ms ORDER BY context_id)
FROM (SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
             coalesce(context_id, 0) AS context_id, count(*) AS play_count, sum(ms_played) AS total_ms,
             count(*) FILTER (WHERE is_skip) AS skip_count,
             coalesce(sum(ms_played) FILTER (WHERE is_skip), 0) AS skip_ms
      FROM listening_events
      WHERE user_id BETWEEN %(first)s AND %(last)s
      GROUP BY user_id, month, coalesce(context_id, 0)) AS counted
GROUP BY user_id, month
ORDER BY user_id, month;

INSERT INTO user_context_stats (user_id, dimension, value, play_count, total_ms)
SELECT user_id, dimension, value, sum(play_count), sum(total_ms)
FROM user_context_months
WHERE user_id BETWEEN %(first)s AND %(last)s AND dimension <> 'SHARE_HEARD'
GROUP BY user_id, dimension, value
ORDER BY user_id, dimension, value;

INSERT INTO user_weekday_hour_stats (user_id, weekday, hour, play_count, total_ms)
SELECT user_id, weekday, hour, sum(play_count), sum(total_ms)
FROM user_weekday_hour_months
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, weekday, hour
ORDER BY user_id, weekday, hour;

INSERT INTO user_hour_stats (user_id, hour, play_count, total_ms)
SELECT user_id, hour, sum(play_count), sum(total_ms)
FROM user_weekday_hour_stats
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, hour
ORDER BY user_id, hour;

UPDATE users
SET total_play_count = summed.play_count, total_listening_ms = summed.total_ms
FROM (SELECT user_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
      FROM user_hour_stats
      WHERE user_id BETWEEN %(first)s AND %(last)s
      GROUP BY user_id) AS summed
WHERE users.id = summed.user_id;

-- The first play of each track in a day, week (2001-01-01 was a Monday) or month counts as a unique track.
INSERT INTO user_time_bucket_stats (user_id, bucket_type, bucket_date, play_count, total_ms, unique_tracks)
WITH local_plays AS (
    SELECT user_id, day, ms_played,
           (day_before IS DISTINCT FROM day) AS is_new_of_day,
           coalesce(day_before < day - (day - date '2001-01-01') %% 7, true) AS is_new_of_week,
           coalesce(day_before < date_trunc('month', day)::date, true) AS is_new_of_month
    FROM (SELECT user_id, local_at::date AS day, ms_played,
                 lag(local_at::date) OVER (PARTITION BY user_id, track_id ORDER BY local_at) AS day_before
          FROM (SELECT user_id, track_id, played_at AT TIME ZONE timezone AS local_at, ms_played
                FROM listening_events
                JOIN user_settings USING (user_id)
                WHERE user_id BETWEEN %(first)s AND %(last)s) AS events) AS followed
), days AS MATERIALIZED (
    SELECT user_id, day, count(*) AS play_count, sum(ms_played) AS total_ms,
           count(*) FILTER (WHERE is_new_of_day) AS new_of_day,
           count(*) FILTER (WHERE is_new_of_week) AS new_of_week,
           count(*) FILTER (WHERE is_new_of_month) AS new_of_month
    FROM local_plays
    GROUP BY user_id, day
)
SELECT user_id, 'DAY'::bucket_type AS bucket_type, day AS bucket_date, play_count, total_ms, new_of_day
FROM days
UNION ALL
SELECT user_id, 'WEEK', day - (day - date '2001-01-01') %% 7 AS week, sum(play_count), sum(total_ms), sum(new_of_week)
FROM days
GROUP BY user_id, week
UNION ALL
SELECT user_id, 'MONTH', date_trunc('month', day)::date AS month, sum(play_count), sum(total_ms), sum(new_of_month)
FROM days
GROUP BY user_id, month
ORDER BY user_id, bucket_type, bucket_date;

INSERT INTO user_track_stats (user_id, track_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, track_id, sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at)
FROM user_track_months
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, track_id
ORDER BY user_id, track_id;

INSERT INTO user_song_sums (user_id, song_id, recordings, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, song_id, count(*), sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at)
FROM user_track_stats
JOIN tracks ON tracks.id = track_id
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, song_id
HAVING count(*) > 1
ORDER BY user_id, song_id;

INSERT INTO user_artist_stats (user_id, artist_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, artist_id, sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at)
FROM user_track_stats
JOIN track_artists USING (track_id)
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, artist_id
ORDER BY user_id, artist_id;

INSERT INTO user_album_stats (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, coalesce(album_id, 0), sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at)
FROM user_track_stats
JOIN tracks ON tracks.id = track_id
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, coalesce(album_id, 0)
ORDER BY user_id, coalesce(album_id, 0);

INSERT INTO user_month_edges (user_id, month, track_id, play_count, total_ms)
SELECT user_id, greatest(local_month, utc_month) AS month, track_id,
       sum(CASE WHEN local_month > utc_month THEN 1 ELSE -1 END),
       sum(CASE WHEN local_month > utc_month THEN ms_played ELSE -ms_played END)
FROM (SELECT user_id, track_id, ms_played, date_trunc('month', played_at AT TIME ZONE timezone)::date AS local_month,
             date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS utc_month
      FROM listening_events
      JOIN user_settings USING (user_id)
      WHERE user_id BETWEEN %(first)s AND %(last)s) AS plays
WHERE local_month <> utc_month
GROUP BY user_id, month, track_id
ORDER BY user_id, month, track_id;
