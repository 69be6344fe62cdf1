-- One row per artist of the user whose all-time counts become the sums of their tracks'.
WITH summed AS (
    SELECT artist_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
           min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
    FROM user_track_stats
    JOIN track_artists USING (track_id)
    WHERE user_id = %(user_id)s
    GROUP BY artist_id
), removed AS (
    DELETE FROM user_artist_stats AS old
    WHERE old.user_id = %(user_id)s AND NOT EXISTS (SELECT FROM summed WHERE summed.artist_id = old.artist_id)
)
INSERT INTO user_artist_stats AS old (user_id, artist_id, play_count, total_ms, first_played_at, last_played_at)
SELECT %(user_id)s, artist_id, play_count, total_ms, first_played_at, last_played_at FROM summed ORDER BY artist_id
ON CONFLICT (user_id, artist_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
