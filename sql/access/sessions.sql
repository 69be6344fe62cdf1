-- One row per session of a user, or of the operator, that has not ended; the one used last comes first.
SELECT id, method, device, created_at, last_used_at, least(expires_at, last_used_at + %(idle)s) AS ends_at
FROM web_sessions
WHERE user_id IS NOT DISTINCT FROM %(user_id)s AND expires_at > now() AND last_used_at > now() - %(idle)s
ORDER BY last_used_at DESC, id DESC
