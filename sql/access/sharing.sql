-- At most one row: what a user shows to everybody.
SELECT is_public_profile, share_top_tracks, share_top_artists, share_listening_time
FROM user_settings
WHERE user_id = %(user_id)s
