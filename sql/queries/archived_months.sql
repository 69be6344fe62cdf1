-- One row per archived UTC month of a user between two: what was played in it is counted, the plays are not here.
SELECT month
FROM archived_user_months
WHERE user_id = %(user_id)s AND month = ANY (%(months)s) AND play_count > 0
ORDER BY month
