-- One row per user and month that has no plays any more.
DELETE FROM user_hour_months AS old
WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(months)s)
  AND (old.user_id, old.month) NOT IN (SELECT user_id, month FROM fresh_hour_months)
