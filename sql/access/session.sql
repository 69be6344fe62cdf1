-- At most one row: the session of a secret that has not ended, and whether its last use is to be written down again.
SELECT id, user_id, last_used_at < now() - %(rounding)s AS is_old
FROM web_sessions
WHERE secret_hash = %(secret_hash)s AND expires_at > now() AND last_used_at > now() - %(idle)s
