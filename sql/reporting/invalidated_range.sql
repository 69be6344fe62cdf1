-- One row: how many user-months are invalidated, the first and the last month, and the instant of the oldest
-- invalidation.
SELECT count(DISTINCT (user_id, month)) AS slices, min(month) AS first, max(month) AS last, min(marked_at) AS since
FROM invalidated_user_months
WHERE marked_at <= now() - make_interval(secs => %(older_than_seconds)s)
  AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
