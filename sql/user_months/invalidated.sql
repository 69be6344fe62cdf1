-- One row per user-month that is invalidated at a stage.
SELECT user_id, month
FROM invalidated_user_months
WHERE stage = %(stage)s::derivation_stage
  AND (%(months)s::date[] IS NULL OR month = ANY (%(months)s::date[]))
  AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
ORDER BY month, user_id
