-- One row per month and track without plays any more.
DELETE FROM user_track_months AS old
USING changed_track_months AS c
WHERE old.user_id = %(user_id)s AND old.month = ANY (%(months)s)
  AND old.month = c.month AND old.track_id = c.track_id AND c.play_count IS NULL
