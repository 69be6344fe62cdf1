-- One row per month before a date that may be archived now: no retention hold is in force, and no user-month within
-- two months is invalidated.
SELECT months.month
FROM unnest(%(months)s::date[]) AS months (month)
WHERE months.month < %(before)s
  AND NOT EXISTS (SELECT FROM retention_holds AS hold WHERE hold.month = months.month AND hold.held_until > %(now)s)
  AND NOT EXISTS (SELECT FROM invalidated_user_months AS pending
                  WHERE pending.month BETWEEN months.month - interval '2 months' AND months.month + interval '2 months')
ORDER BY months.month
