-- One row per hour of the local day with plays.
SELECT hour, play_count
FROM user_hour_stats
WHERE user_id = %(user_id)s
