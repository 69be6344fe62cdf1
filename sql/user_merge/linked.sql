-- One row per user of the two whose Spotify account is linked.
SELECT user_id FROM spotify_auth WHERE user_id = ANY (%(user_ids)s) ORDER BY user_id
