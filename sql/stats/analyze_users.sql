-- No row: counts anew how many rows each user has, for the planner. A table that is being analyzed is left out.
ANALYZE (SKIP_LOCKED) user_track_months (user_id), user_track_stats (user_id), user_artist_stats (user_id),
    user_album_stats (user_id)
