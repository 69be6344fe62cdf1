-- One row per user-month that is not empty: it has landed plays, events, statistics, archived plays or an invalidation.
WITH months AS (
    SELECT month,
           month::timestamp AT TIME ZONE 'UTC' AS starts_at,
           (month + interval '1 month') AT TIME ZONE 'UTC' AS ends_at
    FROM unnest(%(months)s::date[]) AS month
)
SELECT users.id AS user_id, months.month
FROM months
CROSS JOIN users
WHERE EXISTS (SELECT FROM imported_plays AS p
              WHERE p.user_id = users.id AND p.played_at >= months.starts_at AND p.played_at < months.ends_at)
   OR EXISTS (SELECT FROM polled_plays AS p
              WHERE p.user_id = users.id AND p.played_at >= months.starts_at AND p.played_at < months.ends_at)
   OR EXISTS (SELECT FROM listening_events AS e
              WHERE e.user_id = users.id AND e.played_at >= months.starts_at AND e.played_at < months.ends_at)
   OR EXISTS (SELECT FROM episode_events AS e
              WHERE e.user_id = users.id AND e.played_at >= months.starts_at AND e.played_at < months.ends_at)
   OR EXISTS (SELECT FROM user_track_months AS m
              WHERE m.user_id = users.id AND m.month = months.month)
   OR EXISTS (SELECT FROM archived_user_months AS a
              WHERE a.user_id = users.id AND a.month = months.month)
   OR EXISTS (SELECT FROM invalidated_user_months AS s
              WHERE s.user_id = users.id AND s.month = months.month)
ORDER BY months.month, users.id
