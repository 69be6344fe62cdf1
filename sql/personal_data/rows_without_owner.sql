-- One row per user id in a table that no user has.
SELECT {owner}, count(*)
FROM {table}
WHERE NOT EXISTS (SELECT FROM users WHERE users.id = {owner})
GROUP BY {owner}
ORDER BY {owner}
