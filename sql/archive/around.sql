-- One row per archived slice that work on some slices needs: their own and, two months to either side, those that they
-- share a bucket, or plays to be matched, with.
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
ORDER BY month, user_id
