-- One row per month and track whose plays between its local and its UTC beginning are not those of the events, all of
-- which are known.
SELECT month, 'the beginning of ' || month || ' track ' || track_id || ' is not what the events say'
FROM (SELECT * FROM user_month_edges WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT greatest(local_month, utc_month) AS month, track_id,
                  sum(CASE WHEN local_month > utc_month THEN 1 ELSE -1 END) AS play_count,
                  sum(CASE WHEN local_month > utc_month THEN ms_played ELSE -ms_played END) AS total_ms
           FROM (SELECT date_trunc('month', played_at AT TIME ZONE %(timezone)s)::date AS local_month,
                        date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS utc_month, track_id, ms_played
                 FROM listening_events
                 WHERE user_id = %(user_id)s) AS plays
           WHERE local_month <> utc_month
           GROUP BY month, track_id) AS new USING (month, track_id)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
  AND NOT EXISTS (SELECT FROM unnest(%(unknown)s::date[]) AS unknown (known_not)
                  WHERE known_not IN (month, month - interval '1 month'))
ORDER BY month, track_id
