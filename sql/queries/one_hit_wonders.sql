-- One row per artist of whom a user played one song only, but often: the most played first. Such a song has as many
-- plays as its artist.
WITH of_several AS (
    SELECT credit.artist_id, t.song_id, sum(s.play_count) AS play_count
    FROM user_song_sums AS sums
    JOIN tracks AS t ON t.song_id = sums.song_id
    JOIN user_track_stats AS s ON s.user_id = sums.user_id AND s.track_id = t.id
    JOIN track_artists AS credit ON credit.track_id = t.id
    WHERE sums.user_id = %(user_id)s AND sums.play_count >= %(at_least)s
    GROUP BY credit.artist_id, t.song_id
    HAVING count(*) > 1
)
SELECT played.artist_id, only_song.song_id, played.play_count
FROM user_artist_stats AS played
JOIN (SELECT credit.artist_id, t.song_id, s.play_count
      FROM user_track_stats AS s
      JOIN track_artists AS credit ON credit.track_id = s.track_id
      JOIN tracks AS t ON t.id = s.track_id
      WHERE s.user_id = %(user_id)s AND s.play_count >= %(at_least)s
      UNION ALL
      SELECT artist_id, song_id, play_count FROM of_several) AS only_song
  ON only_song.artist_id = played.artist_id AND only_song.play_count = played.play_count
WHERE played.user_id = %(user_id)s AND played.play_count >= %(at_least)s
  AND (%(tracks)s::bigint[] IS NULL
       OR played.artist_id = ANY (ARRAY(SELECT artist_id FROM track_artists WHERE track_id = ANY (%(tracks)s))))
ORDER BY played.play_count DESC, played.total_ms DESC, played.artist_id
LIMIT %(each)s
