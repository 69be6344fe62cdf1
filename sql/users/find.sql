-- At most one row: the user whom a name means. The very name comes first, because users from before names were compared
-- by their keys may share one.
SELECT id, name
FROM users
WHERE name = %(name)s OR (user_name_key(name) = user_name_key(%(name)s) AND NOT shares_name)
ORDER BY name = %(name)s DESC
LIMIT 1
