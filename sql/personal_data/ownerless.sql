-- One row per number of a listener that a table's rows name and nobody has.
SELECT {owner}, count(*)
FROM {table}
WHERE NOT EXISTS (SELECT FROM users WHERE users.id = {owner})
GROUP BY {owner}
ORDER BY {owner}
