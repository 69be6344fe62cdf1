-- changed_hours: one row per user and hour of the local week in which the recomputed months differ from what is known.
INSERT INTO changed_hours (user_id, weekday, hour, play_count, total_ms)
SELECT user_id, week_hour / 24 + 1, week_hour %% 24, sum(play_count), sum(total_ms)
FROM (SELECT fresh.user_id, one.week_hour, one.play_count, one.total_ms
      FROM fresh_hour_months AS fresh
      CROSS JOIN LATERAL unnest(week_hours, play_counts, total_ms) AS one (week_hour, play_count, total_ms)
      UNION ALL
      SELECT old.user_id, one.week_hour, -one.play_count, -one.total_ms
      FROM user_hour_months AS old
      CROSS JOIN LATERAL unnest(week_hours, play_counts, total_ms) AS one (week_hour, play_count, total_ms)
      WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(months)s)) AS plays
GROUP BY user_id, week_hour
HAVING (sum(play_count), sum(total_ms)) <> (0, 0)
