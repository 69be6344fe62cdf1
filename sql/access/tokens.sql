-- One row per token of a user, or of the operator, the newest first. Ends that no token may have, as those before the
-- first and after the last year of Python's, which were taken once, are given as the nearest that may be.
SELECT
    id,
    name,
    rights,
    created_at,
    last_used_at,
    CASE
        WHEN expires_at IS NOT NULL THEN least(greatest(expires_at, created_at), created_at + interval '36525 days')
    END AS expires_at
FROM api_tokens
WHERE user_id IS NOT DISTINCT FROM %(user_id)s
ORDER BY id DESC
