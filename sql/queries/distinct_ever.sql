-- One row: how many different songs, tracks, artists and albums a user ever played.
SELECT tracks + sums.songs - sums.recordings AS songs, tracks,
       (SELECT count(*) FROM user_artist_stats WHERE user_id = %(user_id)s) AS artists,
       (SELECT count(*) FROM user_album_stats WHERE user_id = %(user_id)s AND album_id <> 0) AS albums
FROM (SELECT count(*) AS tracks FROM user_track_stats WHERE user_id = %(user_id)s) AS played,
     (SELECT count(*) AS songs, coalesce(sum(recordings), 0)::bigint AS recordings
      FROM user_song_sums WHERE user_id = %(user_id)s) AS sums
