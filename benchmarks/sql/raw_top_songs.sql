-- One row per rank: the most played songs, with all of their recordings, from events alone.
SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
FROM (SELECT t.song_id, count(DISTINCT e.track_id) AS recordings, count(*) AS play_count,
             sum(e.ms_played)::bigint AS total_ms
      FROM listening_events AS e
      JOIN tracks AS t ON t.id = e.track_id
      WHERE e.user_id = %(user_id)s AND {within}
      GROUP BY t.song_id
      ORDER BY play_count DESC, total_ms DESC, song_id
      LIMIT 50) AS top
JOIN named_songs AS named ON named.id = top.song_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id
