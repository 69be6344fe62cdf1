-- One row per song that a user once played much, but not since an instant, the most played first.
SELECT track_id AS id, play_count
FROM ({queries/first_songs}) AS first_songs
WHERE last_played_at < %(before)s AND play_count >= %(at_least)s
ORDER BY play_count DESC, total_ms DESC, track_id
LIMIT %(each)s
