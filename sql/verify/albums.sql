-- One row per album whose all-time counts are not the sums of its tracks'.
SELECT NULL::date, 'album ' || album_id || ' is not the sum of its tracks'
FROM (SELECT * FROM user_album_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT coalesce(tracks.album_id, 0) AS album_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
                  min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
           FROM user_track_months
           JOIN tracks ON tracks.id = track_id
           WHERE user_id = %(user_id)s
           GROUP BY coalesce(tracks.album_id, 0)) AS new USING (album_id)
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.first_played_at, new.last_played_at)
ORDER BY album_id
