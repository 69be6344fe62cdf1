-- One row: the user, under another name.
UPDATE users
SET name = %(new)s, shares_name = false,
    former_names = CASE WHEN %(old)s = %(new)s THEN former_names
                        ELSE array_append(array_remove(array_remove(former_names, %(new)s), %(old)s), %(old)s) END
WHERE id = %(user_id)s
