-- One row if the listener's totals change.
UPDATE users
SET total_play_count = summed.play_count, total_listening_ms = summed.total_ms
FROM (SELECT coalesce(sum(play_count), 0) AS play_count, coalesce(sum(total_ms), 0) AS total_ms
      FROM user_hour_stats
      WHERE user_id = %(user_id)s) AS summed
WHERE users.id = %(user_id)s
  AND (users.total_play_count, users.total_listening_ms) IS DISTINCT FROM (summed.play_count, summed.total_ms)
