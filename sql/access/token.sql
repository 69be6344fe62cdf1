-- At most one row: the token of a secret that can be used, and whether its last use is to be written down again.
SELECT id, user_id, name, rights, coalesce(last_used_at < now() - %(rounding)s, true) AS is_old
FROM api_tokens
WHERE secret_hash = %(secret_hash)s AND (expires_at IS NULL OR expires_at > now())
