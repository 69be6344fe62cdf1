-- One row per month of a user that is invalidated for statistics, or whose plays are in the archive.
SELECT month FROM invalidated_user_months WHERE user_id = %(user_id)s AND stage = 'STATS'
UNION
SELECT month FROM archived_user_months WHERE user_id = %(user_id)s
ORDER BY month
