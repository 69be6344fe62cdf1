-- One row per month of a listener that is stale for statistics, or of which the plays are in the archive.
SELECT month FROM invalidated_user_months WHERE user_id = %(user_id)s AND stage = 'STATS'
UNION
SELECT month FROM archived_user_months WHERE user_id = %(user_id)s
ORDER BY month
