-- One row per month with plays that are not music: how many they are.
SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month, count(*)
FROM episode_events
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
GROUP BY month
