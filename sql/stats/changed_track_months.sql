-- One row per month and track for which user_track_months does not have what the events say.
INSERT INTO changed_track_months
SELECT month, track_id, old.play_count, old.total_ms, old.last_played_at, new.play_count, new.total_ms, new.last_played_at
FROM (SELECT * FROM user_track_months
      WHERE user_id = %(user_id)s AND month = ANY (%(months)s)) AS old
FULL JOIN (SELECT month, track_id, count(*) AS play_count, sum(ms_played) AS total_ms, max(played_at) AS last_played_at
           FROM (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month, track_id, ms_played, played_at
                 FROM listening_events
                 WHERE user_id = %(user_id)s AND played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS events
           WHERE month = ANY (%(months)s)
           GROUP BY month, track_id) AS new USING (month, track_id)
WHERE (old.play_count, old.total_ms, old.last_played_at)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.last_played_at)
