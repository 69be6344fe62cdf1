-- One row per song of which the user played several tracks, and whose all-time counts become the sums of theirs.
WITH summed AS (
    SELECT song_id, count(*) AS recordings, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
           min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
    FROM user_track_stats
    JOIN tracks ON tracks.id = track_id
    WHERE user_id = %(user_id)s
    GROUP BY song_id
    HAVING count(*) > 1
), removed AS (
    DELETE FROM user_song_sums AS old
    WHERE old.user_id = %(user_id)s AND NOT EXISTS (SELECT FROM summed WHERE summed.song_id = old.song_id)
)
INSERT INTO user_song_sums AS old
    (user_id, song_id, recordings, play_count, total_ms, first_played_at, last_played_at)
SELECT %(user_id)s, song_id, recordings, play_count, total_ms, first_played_at, last_played_at
FROM summed
ORDER BY song_id
ON CONFLICT (user_id, song_id) DO UPDATE
SET recordings = excluded.recordings, play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.recordings, old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.recordings, excluded.play_count, excluded.total_ms, excluded.first_played_at,
                        excluded.last_played_at)
