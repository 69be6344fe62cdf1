-- One row per album of the user whose all-time counts become the sums of its tracks'.
WITH summed AS (
    SELECT coalesce(tracks.album_id, 0) AS album_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
           min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
    FROM user_track_stats
    JOIN tracks ON tracks.id = track_id
    WHERE user_id = %(user_id)s
    GROUP BY coalesce(tracks.album_id, 0)
), removed AS (
    DELETE FROM user_album_stats AS old
    WHERE old.user_id = %(user_id)s AND NOT EXISTS (SELECT FROM summed WHERE summed.album_id = old.album_id)
)
INSERT INTO user_album_stats AS old (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)
SELECT %(user_id)s, album_id, play_count, total_ms, first_played_at, last_played_at FROM summed ORDER BY album_id
ON CONFLICT (user_id, album_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
