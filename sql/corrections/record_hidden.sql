-- One row per track of the user-month of which other plays are hidden now than before: hidden_track_months.
WITH counted AS (
    SELECT track_id, sum(ms_played) AS total_ms, count(*) AS play_count FROM hidden_events GROUP BY track_id
), shown AS (
    DELETE FROM hidden_track_months AS known
    WHERE known.user_id = %(user_id)s AND known.month = %(month)s
      AND NOT EXISTS (SELECT FROM counted WHERE counted.track_id = known.track_id)
)
INSERT INTO hidden_track_months AS known (user_id, month, track_id, total_ms, play_count)
SELECT %(user_id)s, %(month)s, track_id, total_ms, play_count
FROM counted
ON CONFLICT (user_id, month, track_id) DO UPDATE SET total_ms = excluded.total_ms, play_count = excluded.play_count
WHERE (known.total_ms, known.play_count) <> (excluded.total_ms, excluded.play_count)
