-- At most one row: what a user shows to everybody, and whether to be compared is allowed.
SELECT is_public_profile, share_top_tracks, share_top_artists, share_listening_time, share_history, allows_comparison
FROM user_settings
WHERE user_id = %(user_id)s
