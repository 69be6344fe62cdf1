-- At most one row: the user whom a link signs in, NULL for the operator. It is used up.
UPDATE sign_in_links
SET used_at = now()
WHERE secret_hash = %(secret_hash)s AND used_at IS NULL AND expires_at > now()
RETURNING user_id
