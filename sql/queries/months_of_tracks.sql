-- One row per UTC month in which some tracks were played, the latest first.
SELECT month, sum(play_count)::bigint AS play_count
FROM user_track_months
WHERE user_id = %(user_id)s AND track_id = ANY (({queries/the_tracks})::bigint[])
  AND month >= %(earliest_month)s AND month <= %(latest_month)s
GROUP BY month
ORDER BY month DESC
