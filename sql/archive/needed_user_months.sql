-- One row per archived user-month that work on some user-months needs: these themselves and, up to two months before
-- and after them, those with which they share a time bucket or may share plays of several sources.
SELECT DISTINCT a.user_id, a.month
FROM unnest(%(user_ids)s::bigint[], %(months)s::date[]) AS work (user_id, month)
JOIN archived_user_months AS a ON a.user_id = work.user_id
                              AND a.month BETWEEN work.month - interval '2 months' AND work.month + interval '2 months'
WHERE a.month = work.month
   OR %(with_neighbours)s
   OR EXISTS (SELECT FROM archived_user_months AS near
              WHERE near.user_id = work.user_id
                AND near.month BETWEEN work.month - interval '2 months' AND work.month + interval '2 months'
                AND (near.has_account_data OR near.polled_plays > 0))
ORDER BY a.month, a.user_id
