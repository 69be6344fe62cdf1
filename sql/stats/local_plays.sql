-- One row per event from two days before the first to two days after the last of the local days. The first play of a
-- track in its day, ISO week (2001-01-01 was a Monday) or month is told apart: adding those up counts distinct tracks.
INSERT INTO local_plays (track_id, played_at, month, day, ms_played, hour, is_new_of_day, is_new_of_week, is_new_of_month)
SELECT track_id, played_at, month, day, ms_played, date_part('hour', local_at),
       day_before IS DISTINCT FROM day,
       coalesce(day_before < day - (day - date '2001-01-01') %% 7, true),
       coalesce(day_before < date_trunc('month', local_at)::date, true)
FROM (SELECT track_id, played_at, month, local_at, local_at::date AS day, ms_played,
             lag(local_at::date) OVER (PARTITION BY track_id ORDER BY local_at) AS day_before
      FROM (SELECT track_id, played_at, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                   played_at AT TIME ZONE %(timezone)s AS local_at, ms_played
            FROM listening_events
            WHERE user_id = %(user_id)s
              AND played_at >= %(first_day)s::timestamptz - interval '2 days'
              AND played_at < %(last_day)s::timestamptz + interval '3 days') AS events) AS local_events
