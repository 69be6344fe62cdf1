-- One row: the new session.
INSERT INTO web_sessions (user_id, secret_hash, method, device, expires_at)
VALUES (%(user_id)s, %(secret_hash)s, %(method)s, %(device)s, now() + %(lasts)s)
RETURNING id
