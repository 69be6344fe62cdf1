-- One row per token of a user, or of the operator, the newest first.
SELECT id, name, rights, created_at, last_used_at, expires_at
FROM api_tokens
WHERE user_id IS NOT DISTINCT FROM %(user_id)s
ORDER BY id DESC
