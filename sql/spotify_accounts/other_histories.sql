-- One row per user with plays whose history a login would mix with another or leave behind, and who is not linked: the
-- user to link, if the plays are of another Spotify account, and others who had this account.
SELECT users.name, coalesce(users.id = %(user_id)s, false) AS is_chosen
FROM users
WHERE (users.total_play_count > 0 OR EXISTS (SELECT FROM polled_plays WHERE polled_plays.user_id = users.id))
  AND NOT EXISTS (SELECT FROM spotify_auth AS auth WHERE auth.user_id = users.id)
  AND coalesce(users.spotify_account_id, users.spotify_id) IS NOT NULL
  AND coalesce(users.id = %(user_id)s, false)
      <> coalesce(users.spotify_account_id = %(account_id)s, users.spotify_id = %(spotify_id)s, false)
ORDER BY is_chosen DESC, users.name
