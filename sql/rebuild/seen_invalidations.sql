-- One row per invalidation of these user-months. One that is written again has another version.
SELECT user_id, xmin::text AS version
FROM invalidated_user_months
WHERE month = %(month)s AND stage = 'EVENTS' AND user_id = ANY (%(user_ids)s)
