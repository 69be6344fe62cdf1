-- One row per stale month whose tracks and hours do not add up to the same.
SELECT month
FROM (SELECT month, sum(play_count) AS play_count, sum(total_ms) AS total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month = ANY (%(months)s)
      GROUP BY month) AS tracks
FULL JOIN (SELECT month, sum(play_count) AS play_count, sum(total_ms) AS total_ms
           FROM user_hour_months
           WHERE user_id = %(user_id)s AND month = ANY (%(months)s)
           GROUP BY month) AS hours USING (month)
WHERE (tracks.play_count, tracks.total_ms) IS DISTINCT FROM (hours.play_count, hours.total_ms)
ORDER BY month
