-- One row: the new token.
INSERT INTO api_tokens (user_id, name, secret_hash, rights, expires_at)
VALUES (%(user_id)s, %(name)s, %(secret_hash)s, %(rights)s, %(expires_at)s)
RETURNING id, name, rights, created_at, last_used_at, expires_at
