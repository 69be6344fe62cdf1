-- One row: a user's password, or the operator's, set or changed.
INSERT INTO web_passwords (user_id, argon2id)
VALUES (%(user_id)s, %(argon2id)s)
ON CONFLICT (user_id) DO UPDATE SET argon2id = excluded.argon2id, changed_at = now()
