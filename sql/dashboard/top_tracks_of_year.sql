-- One row per rank: the tracks most played in a local year.
SELECT track_id, play_count, total_ms
FROM user_year_top_tracks
WHERE user_id = %(user_id)s AND year = %(year)s
ORDER BY play_count DESC, total_ms DESC, track_id
LIMIT %(each)s
