-- One row per archived UTC month of a user in some spans of months: what was played in it is counted, the plays are not
-- here.
SELECT month
FROM archived_user_months
WHERE user_id = %(user_id)s AND play_count > 0
  AND EXISTS (SELECT
              FROM unnest(%(firsts)s::date[], %(lasts)s::date[]) AS span (first_month, last_month)
              WHERE archived_user_months.month BETWEEN span.first_month AND span.last_month)
ORDER BY month
