-- One row per user who shared a name with an older one and has it alone now: the oldest of those who share it.
UPDATE users AS twin
SET shares_name = false
WHERE twin.shares_name
  AND NOT EXISTS (SELECT FROM users AS older
                  WHERE user_name_key(older.name) = user_name_key(twin.name)
                    AND (older.id < twin.id OR NOT older.shares_name) AND older.id <> twin.id)
