-- One row per user-month whose events have changed: its statistics are to be recomputed.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT users.id, %(month)s, 'STATS'
FROM users
WHERE users.id = ANY (%(user_ids)s)
ORDER BY users.id
ON CONFLICT DO NOTHING
