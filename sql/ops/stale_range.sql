-- One row: how many slices are stale, and their first and last month.
SELECT count(DISTINCT (user_id, month)) AS slices, min(month) AS first, max(month) AS last
FROM stale_slices
WHERE marked_at <= now() - make_interval(secs => %(older_than_seconds)s)
  AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
