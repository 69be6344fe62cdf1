-- One row per track whose all-time counts are not the sums of its months.
SELECT NULL::date, 'track ' || track_id || ' is not the sum of its months'
FROM (SELECT * FROM user_track_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
                  min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
           FROM user_track_months
           WHERE user_id = %(user_id)s
           GROUP BY track_id) AS new USING (track_id)
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.first_played_at, new.last_played_at)
ORDER BY track_id
