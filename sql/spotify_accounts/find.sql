-- At most one row: the user who has this Spotify account, or had it before a logout.
SELECT id, name
FROM users
WHERE spotify_account_id = %(account_id)s
   OR (spotify_id = %(spotify_id)s AND (spotify_account_id IS NULL OR %(account_id)s::text IS NULL))
ORDER BY (spotify_account_id = %(account_id)s) DESC NULLS LAST
LIMIT 1
