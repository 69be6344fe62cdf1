-- One row per song whose all-time counts are not the sums of its tracks', of which the user played several.
SELECT NULL::date, 'song ' || song_id || ' is not the sum of its tracks'
FROM (SELECT * FROM user_song_sums WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT song_id, count(*) AS recordings, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
                  min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
           FROM (SELECT track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
                        min(first_played_at) AS first_played_at, max(last_played_at) AS last_played_at
                 FROM user_track_months
                 WHERE user_id = %(user_id)s
                 GROUP BY track_id) AS counted
           JOIN tracks ON tracks.id = counted.track_id
           GROUP BY song_id
           HAVING count(*) > 1) AS new USING (song_id)
WHERE (old.recordings, old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM
      (new.recordings, new.play_count, new.total_ms, new.first_played_at, new.last_played_at)
ORDER BY song_id
