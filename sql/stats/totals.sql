-- One row per user whose totals change.
UPDATE users
SET total_play_count = summed.play_count, total_listening_ms = summed.total_ms
FROM (SELECT user_id, coalesce(sum(play_count), 0) AS play_count, coalesce(sum(total_ms), 0) AS total_ms
      FROM unnest(%(user_ids)s::bigint[]) AS chosen (user_id)
      LEFT JOIN user_hour_stats USING (user_id)
      GROUP BY user_id) AS summed
WHERE users.id = summed.user_id
  AND (users.total_play_count, users.total_listening_ms) IS DISTINCT FROM (summed.play_count, summed.total_ms)
