-- One row per local day, week or month whose counts differ from its events, all of which are known; and the UTC month
-- in which it begins.
WITH plays AS (
    SELECT (played_at AT TIME ZONE %(timezone)s)::date AS day, track_id, ms_played
    FROM listening_events
    WHERE user_id = %(user_id)s
), fresh AS (
    SELECT kind AS bucket_type, date_trunc(kind::text, day)::date AS bucket_date, count(*) AS play_count,
           sum(ms_played) AS total_ms, count(DISTINCT track_id) AS unique_tracks
    FROM plays
    CROSS JOIN unnest(enum_range(NULL::bucket_type)) AS kind
    GROUP BY bucket_type, bucket_date
)
SELECT date_trunc('month', bucket_date)::date,
       lower(bucket_type::text) || ' ' || bucket_date || ' is not what the events say'
FROM (SELECT * FROM user_time_bucket_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN fresh AS new USING (bucket_type, bucket_date)
WHERE (old.play_count, old.total_ms, old.unique_tracks)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.unique_tracks)
  AND NOT EXISTS (SELECT FROM unnest(%(unknown)s::date[]) AS unknown (month)
                  WHERE bucket_date < (unknown.month + interval '1 month')::date + 2
                    AND bucket_date + ('1 ' || bucket_type::text)::interval > unknown.month - 2)
ORDER BY bucket_date, bucket_type
