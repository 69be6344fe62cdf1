-- One row per UTC month in which some tracks were played.
SELECT DISTINCT month
FROM user_track_months
WHERE user_id = %(user_id)s AND track_id = ANY (%(tracks)s)
  AND month >= %(earliest_month)s AND month <= %(latest_month)s
ORDER BY month DESC
