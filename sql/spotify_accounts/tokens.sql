-- One row per linked account, or one row for one user: the stored authorization.
SELECT users.id AS user_id, users.name, auth.refresh_token_encrypted AS refresh_token,
       auth.access_token_encrypted AS access_token, auth.access_token_expires_at,
       auth.is_valid, auth.consecutive_failures, auth.last_failure_reason
FROM spotify_auth AS auth
JOIN users ON users.id = auth.user_id
WHERE %(user_id)s::bigint IS NULL OR auth.user_id = %(user_id)s
ORDER BY users.id
