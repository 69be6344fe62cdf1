-- One row: what a user set.
SELECT timezone, week_starts_on, session_gap_minutes, is_public_profile, share_listening_time, share_top_tracks,
       share_top_artists, share_history, allows_comparison, hide_incognito
FROM user_settings
WHERE user_id = %(user_id)s
