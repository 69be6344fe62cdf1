-- One row: landed plays of the month of some listeners, and of all.
SELECT count(*) FILTER (WHERE user_id = ANY (%(user_ids)s)) AS asked, count(*) AS whole
FROM (SELECT user_id FROM imported_plays WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
      UNION ALL
      SELECT user_id FROM polled_plays WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s) AS plays
