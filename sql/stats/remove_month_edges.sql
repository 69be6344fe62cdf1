-- One row per listener, month and track that is not at its edge any more.
DELETE FROM user_month_edges AS old
WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(edges)s)
  AND NOT EXISTS (SELECT FROM fresh_month_edges AS f
                  WHERE f.user_id = old.user_id AND f.month = old.month AND f.track_id = old.track_id)
