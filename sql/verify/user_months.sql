-- One row per user-month of a user with landed plays, events or hidden plays, that is up to date and not archived.
WITH months AS (
    SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month
    FROM imported_plays WHERE user_id = %(user_id)s
    UNION
    SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date FROM polled_plays WHERE user_id = %(user_id)s
    UNION
    SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date FROM listening_events WHERE user_id = %(user_id)s
    UNION
    SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date FROM episode_events WHERE user_id = %(user_id)s
    UNION
    SELECT month FROM hidden_track_months WHERE user_id = %(user_id)s
)
SELECT month
FROM months
WHERE NOT EXISTS (SELECT FROM invalidated_user_months AS s
                  WHERE s.user_id = %(user_id)s AND s.stage = 'EVENTS'
                    AND s.month BETWEEN months.month - interval '1 month' AND months.month + interval '1 month')
  AND NOT EXISTS (SELECT FROM archived_user_months AS a
                  WHERE a.user_id = %(user_id)s
                    AND a.month BETWEEN months.month - interval '2 months' AND months.month + interval '2 months')
ORDER BY month
