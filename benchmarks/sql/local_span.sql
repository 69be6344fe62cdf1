-- One row per known user: the instants at which two of their local days begin.
SELECT %(first)s::timestamp AT TIME ZONE timezone AS since, %(end)s::timestamp AT TIME ZONE timezone AS until
FROM user_settings
WHERE user_id = %(user_id)s
