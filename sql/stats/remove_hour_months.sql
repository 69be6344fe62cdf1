-- One row per month and hour without plays any more.
DELETE FROM user_hour_months AS old
WHERE old.user_id = %(user_id)s AND old.month = ANY (%(months)s)
  AND NOT EXISTS (SELECT FROM fresh_hour_months AS f WHERE f.month = old.month AND f.hour = old.hour)
