-- One row per song that a user ever played, named by the least of its tracks that were: the first and the last play. Of
-- some tracks, the songs that have one of them. Only the tracks of songs of which the user played several are looked
-- up; any other is its song's only one.
WITH joined AS MATERIALIZED (
    SELECT t.id AS track_id, t.song_id
    FROM user_song_sums AS sums
    JOIN tracks AS t ON t.song_id = sums.song_id
    WHERE sums.user_id = %(user_id)s
)
SELECT min(s.track_id) AS track_id, sum(s.play_count)::bigint AS play_count, sum(s.total_ms)::bigint AS total_ms,
       min(s.first_played_at) AS first_played_at, max(s.last_played_at) AS last_played_at
FROM joined
JOIN user_track_stats AS s ON s.user_id = %(user_id)s AND s.track_id = joined.track_id
GROUP BY joined.song_id
HAVING %(tracks)s::bigint[] IS NULL OR bool_or(s.track_id = ANY (%(tracks)s))
UNION ALL
SELECT s.track_id, s.play_count, s.total_ms, s.first_played_at, s.last_played_at
FROM user_track_stats AS s
WHERE s.user_id = %(user_id)s
  AND (%(tracks)s::bigint[] IS NULL OR s.track_id = ANY (%(tracks)s))
  AND NOT EXISTS (SELECT FROM joined WHERE joined.track_id = s.track_id)
