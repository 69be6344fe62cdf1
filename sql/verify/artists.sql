-- One row per artist whose all-time counts are not the sums of their tracks'.
SELECT NULL::date, 'artist ' || artist_id || ' is not the sum of their tracks'
FROM (SELECT * FROM user_artist_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT artist_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
           FROM user_track_months
           JOIN track_artists USING (track_id)
           WHERE user_id = %(user_id)s
           GROUP BY artist_id) AS new USING (artist_id)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY artist_id
