-- One row: a login that waits for Spotify's answer.
INSERT INTO awaited_logins (state_hash, expires_at)
VALUES (%(state_hash)s, now() + %(lasts)s)
