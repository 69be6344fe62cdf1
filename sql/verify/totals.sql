-- One row if a user's totals are not the sums of the months.
SELECT NULL::date, 'totals are not the sums of the months'
FROM users
CROSS JOIN (SELECT coalesce(sum(play_count), 0) AS play_count, coalesce(sum(total_ms), 0) AS total_ms
            FROM user_track_months
            WHERE user_id = %(user_id)s) AS summed
WHERE users.id = %(user_id)s
  AND (users.total_play_count, users.total_listening_ms) IS DISTINCT FROM (summed.play_count, summed.total_ms)
