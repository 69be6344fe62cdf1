-- One row per month of a listener that is stale for statistics, or of which the plays are in the archive.
SELECT month FROM stale_slices WHERE user_id = %(user_id)s AND stage = 'STATS'
UNION
SELECT month FROM archived_slices WHERE user_id = %(user_id)s
ORDER BY month
