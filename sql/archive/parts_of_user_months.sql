-- One row per user-month of the given ones that is archived, with the part that holds it.
SELECT a.month, a.part, a.user_id
FROM unnest(%(user_ids)s::bigint[], %(months)s::date[]) AS wanted (user_id, month)
JOIN archived_user_months AS a ON a.user_id = wanted.user_id AND a.month = wanted.month
ORDER BY a.month, a.part, a.user_id
