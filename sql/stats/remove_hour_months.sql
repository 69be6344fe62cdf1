-- One row per listener, month and hour without plays any more.
DELETE FROM user_hour_months AS old
WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(months)s)
  AND NOT EXISTS (SELECT FROM fresh_hour_months AS f
                  WHERE f.user_id = old.user_id AND f.month = old.month AND f.hour = old.hour)
