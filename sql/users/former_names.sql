-- One row per name that the user had before and that no other user has now.
SELECT former.name
FROM users
CROSS JOIN LATERAL unnest(users.former_names) AS former (name)
WHERE users.id = %s AND NOT EXISTS (SELECT FROM users AS other WHERE other.name = former.name)
ORDER BY former.name
