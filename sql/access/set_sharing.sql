-- One row: a user who now shares what is said, and nothing else.
UPDATE user_settings
SET is_public_profile = %(is_public_profile)s,
    share_top_tracks = %(share_top_tracks)s,
    share_top_artists = %(share_top_artists)s,
    share_listening_time = %(share_listening_time)s,
    share_history = %(share_history)s,
    allows_comparison = %(allows_comparison)s
WHERE user_id = %(user_id)s
