-- One row per mark of these slices. A mark that is renewed has another version.
SELECT user_id, xmin::text AS version
FROM invalidated_user_months
WHERE month = %(month)s AND stage = 'EVENTS' AND user_id = ANY (%(user_ids)s)
