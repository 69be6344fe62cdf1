-- At most one row: the user to whom a Spotify account is linked, or was.
SELECT id
FROM users
WHERE (spotify_account_id = %(account_id)s AND %(account_id)s::text IS NOT NULL) OR spotify_id = %(spotify_id)s
ORDER BY spotify_account_id IS NOT DISTINCT FROM %(account_id)s DESC
LIMIT 1
