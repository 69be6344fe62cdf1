-- One row: until when the plays of a user are counted, and what of them is being derived.
SELECT now() AS asked_at,
       users.last_ingested_at AS landed_at,
       polled.last_success_at AS polled_at,
       count(DISTINCT mark.month) AS user_months,
       count(DISTINCT mark.month) FILTER (WHERE mark.stage = 'EVENTS') AS without_events,
       min(mark.month) AS first_month,
       max(mark.month) AS last_month,
       min(mark.marked_at) AS since
FROM users
LEFT JOIN poll_states AS polled ON polled.user_id = users.id
LEFT JOIN invalidated_user_months AS mark ON mark.user_id = users.id
WHERE users.id = %(user_id)s
GROUP BY users.id, polled.user_id
