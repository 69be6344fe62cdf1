-- One row per month before another that may leave now: it has a partition, nobody holds it, nothing near it is stale.
SELECT months.month
FROM unnest(%(months)s::date[]) AS months (month)
WHERE months.month < %(before)s
  AND NOT EXISTS (SELECT FROM retention_holds AS hold WHERE hold.month = months.month AND hold.held_until > %(now)s)
  AND NOT EXISTS (SELECT FROM invalidated_user_months AS stale
                  WHERE stale.month BETWEEN months.month - interval '2 months' AND months.month + interval '2 months')
ORDER BY months.month
