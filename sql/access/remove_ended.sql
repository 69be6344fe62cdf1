-- One row per session that has ended by itself, and per link that expired a day ago, and no more of either.
WITH sessions AS (
    DELETE FROM web_sessions
    WHERE expires_at < now() OR last_used_at < now() - %(idle)s
    RETURNING 1
),

logins AS (
    DELETE FROM awaited_logins
    WHERE expires_at < now()
    RETURNING 1
)

DELETE FROM sign_in_links
WHERE expires_at < now() - interval '1 day'
