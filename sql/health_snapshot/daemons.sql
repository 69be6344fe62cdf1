-- One row per part of Dagster's daemon that ever ran: when it last reported, and whether it reported errors.
SELECT daemon_type AS name, timestamp AT TIME ZONE 'UTC' AS heard_at,
       coalesce(body::jsonb -> 'errors', 'null') NOT IN ('null', '[]') AS has_errors
FROM daemon_heartbeats
ORDER BY daemon_type
