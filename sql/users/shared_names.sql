-- One row per user who shares a name with an older one, and that one.
SELECT twin.name, older.name AS same_as
FROM users AS twin
JOIN users AS older ON user_name_key(older.name) = user_name_key(twin.name) AND NOT older.shares_name
WHERE twin.shares_name
ORDER BY older.name, twin.name
