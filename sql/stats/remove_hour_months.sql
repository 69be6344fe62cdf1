-- One row per user, month and hour that has no plays any more.
DELETE FROM user_hour_months AS old
WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(months)s)
  AND (old.user_id, old.month, old.hour) NOT IN (SELECT user_id, month, hour FROM fresh_hour_months)
