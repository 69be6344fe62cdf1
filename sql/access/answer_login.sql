-- One row when a login waits for this answer and has none yet.
UPDATE awaited_logins
SET answer = %(answer)s
WHERE state_hash = %(state_hash)s AND expires_at > now() AND answer IS NULL
