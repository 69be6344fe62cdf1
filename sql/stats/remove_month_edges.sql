-- One row per month and track that is not at its edge any more.
DELETE FROM user_month_edges AS old
WHERE old.user_id = %(user_id)s AND old.month = ANY (%(edges)s)
  AND NOT EXISTS (SELECT FROM fresh_month_edges AS f WHERE f.month = old.month AND f.track_id = old.track_id)
