-- One row per user, month and track that has no plays at the month's edge any more.
DELETE FROM user_month_edges AS old
WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(edges)s)
  AND (old.user_id, old.month, old.track_id) NOT IN (SELECT user_id, month, track_id FROM fresh_month_edges)
