-- One row per archived user-month that has to be restored before the merge: all of the user who goes, and those of the
-- user who stays into which plays move.
SELECT user_id, month
FROM archived_user_months
WHERE user_id = %(gone)s OR (user_id = %(kept)s AND month = ANY (%(months)s))
ORDER BY month, user_id
