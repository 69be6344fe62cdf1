-- One row per month and track that differs from what user_track_months has.
INSERT INTO changed_track_months
SELECT coalesce(old.month, new.month), coalesce(old.track_id, new.track_id),
       old.play_count, old.total_ms, old.last_played_at, new.play_count, new.total_ms, new.last_played_at
FROM (SELECT * FROM user_track_months WHERE user_id = %(user_id)s AND month = ANY (%(months)s)) AS old
FULL JOIN fresh_track_months AS new ON new.month = old.month AND new.track_id = old.track_id
WHERE (old.play_count, old.total_ms, old.last_played_at)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.last_played_at);
