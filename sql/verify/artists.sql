-- One row per artist whose all-time counts are not the sums of their tracks'.
SELECT NULL::date, 'artist ' || artist_id || ' is not the sum of their tracks'
FROM (SELECT * FROM user_artist_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT artist_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
                  min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
           FROM user_track_months
           JOIN track_artists USING (track_id)
           WHERE user_id = %(user_id)s
           GROUP BY artist_id) AS new USING (artist_id)
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.first_played_at, new.last_played_at)
ORDER BY artist_id
