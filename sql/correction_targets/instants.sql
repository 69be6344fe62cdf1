-- One row: local times as instants, in the user's time zone. Between two instants of one local time, the first counts.
SELECT %(starts_at)s::timestamp AT TIME ZONE timezone, %(ends_at)s::timestamp AT TIME ZONE timezone
FROM user_settings
WHERE user_id = %(user_id)s
