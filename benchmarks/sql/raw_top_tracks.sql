-- One row per rank: the most played tracks and their artists, from events alone.
SELECT named.name, named.artist, top.play_count, top.total_ms
FROM (SELECT e.track_id, count(*) AS play_count, sum(e.ms_played)::bigint AS total_ms
      FROM listening_events AS e
      WHERE e.user_id = %(user_id)s AND {within}
      GROUP BY e.track_id
      ORDER BY play_count DESC, total_ms DESC, track_id
      LIMIT 50) AS top
JOIN named_tracks AS named ON named.id = top.track_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id
