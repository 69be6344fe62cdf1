-- One row per artist of whom a user played one song only, but often: the most played first.
SELECT played.artist_id, min(t.song_id) AS song_id, played.play_count
FROM (SELECT artist_id, play_count, total_ms
      FROM user_artist_stats
      WHERE user_id = %(user_id)s AND play_count >= %(at_least)s
        AND (%(tracks)s::bigint[] IS NULL
             OR artist_id = ANY (ARRAY(SELECT artist_id FROM track_artists WHERE track_id = ANY (%(tracks)s))))
     ) AS played
JOIN track_artists AS credit ON credit.artist_id = played.artist_id
JOIN user_track_stats AS s ON s.user_id = %(user_id)s AND s.track_id = credit.track_id
JOIN tracks AS t ON t.id = credit.track_id
GROUP BY played.artist_id, played.play_count, played.total_ms
HAVING count(DISTINCT t.song_id) = 1
ORDER BY played.play_count DESC, played.total_ms DESC, played.artist_id
LIMIT %(each)s
