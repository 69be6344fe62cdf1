-- One row per rank: the most played tracks.
SELECT track_id, play_count, total_ms
FROM user_track_stats
WHERE user_id = %(user_id)s AND play_count > 0
ORDER BY play_count DESC, total_ms DESC, track_id
LIMIT %(each)s
