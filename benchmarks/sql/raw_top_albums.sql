-- One row per rank: the most played albums, from events alone.
SELECT named.name, named.artist, top.play_count, top.total_ms
FROM (SELECT t.album_id, count(*) AS play_count, sum(e.ms_played)::bigint AS total_ms
      FROM listening_events AS e
      JOIN tracks AS t ON t.id = e.track_id
      WHERE e.user_id = %(user_id)s AND t.album_id IS NOT NULL AND {within}
      GROUP BY t.album_id
      ORDER BY play_count DESC, total_ms DESC, album_id
      LIMIT 50) AS top
JOIN named_albums AS named ON named.id = top.album_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.album_id
