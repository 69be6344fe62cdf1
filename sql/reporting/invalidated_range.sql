-- One row: how many slices are stale, their first and last month, and since when the one is that has waited longest.
SELECT count(DISTINCT (user_id, month)) AS slices, min(month) AS first, max(month) AS last, min(marked_at) AS since
FROM invalidated_user_months
WHERE marked_at <= now() - make_interval(secs => %(older_than_seconds)s)
  AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
