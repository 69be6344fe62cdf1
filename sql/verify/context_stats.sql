-- One row per dimension and value whose all-time counts are not the sums of its months.
SELECT NULL::date, lower(dimension::text) || ' ' || value || ' is not the sum of its months'
FROM (SELECT * FROM user_context_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT dimension, value, sum(play_count) AS play_count, sum(total_ms) AS total_ms
           FROM user_context_months
           WHERE user_id = %(user_id)s AND dimension <> 'SHARE_HEARD'
           GROUP BY dimension, value) AS new USING (dimension, value)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY dimension, value
