-- One row per archived user-month of the user that may hold imported plays, or to which some would go back.
SELECT a.user_id, a.month
FROM archived_user_months AS a
WHERE a.user_id = %(user_id)s
  AND (a.imported_plays > 0
       OR EXISTS (SELECT FROM undone_plays AS play
                  WHERE play.user_id = a.user_id
                    AND play.played_at >= a.month::timestamptz
                    AND play.played_at < (a.month + interval '1 month')::timestamptz))
ORDER BY a.month
