-- One row per month and track for which user_track_months does not have what the events say. Month by month, so that
-- what is counted and compared stays small.
INSERT INTO changed_track_months
SELECT stale.month, changed.*
FROM unnest(%(months)s::date[]) AS stale (month)
CROSS JOIN LATERAL (
    SELECT track_id, old.play_count, old.total_ms, old.last_played_at, new.play_count, new.total_ms, new.last_played_at
    FROM (SELECT track_id, play_count, total_ms, last_played_at
          FROM user_track_months
          WHERE user_id = %(user_id)s AND month = stale.month AND month = ANY (%(months)s)) AS old
    FULL JOIN (SELECT track_id, count(*) AS play_count, sum(ms_played) AS total_ms, max(played_at) AS last_played_at
               FROM listening_events
               WHERE user_id = %(user_id)s
                 AND played_at >= stale.month::timestamptz AND played_at < (stale.month + interval '1 month')::timestamptz
                 AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
               GROUP BY track_id) AS new USING (track_id)
    WHERE (old.play_count, old.total_ms, old.last_played_at)
          IS DISTINCT FROM (new.play_count, new.total_ms, new.last_played_at)
) AS changed
