-- One row per session that has ended by itself, per link that expired a day ago, and per thing that is not playing any
-- more; and no more of these.
WITH sessions AS (
    DELETE FROM web_sessions
    WHERE expires_at < now() OR last_used_at < now() - %(idle)s
    RETURNING 1
),

logins AS (
    DELETE FROM awaited_logins
    WHERE expires_at < now()
    RETURNING 1
),

playing AS (
    DELETE FROM playing_now
    WHERE ends_at < now()
    RETURNING 1
)

DELETE FROM sign_in_links
WHERE expires_at < now() - interval '1 day'
