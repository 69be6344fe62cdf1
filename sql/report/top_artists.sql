-- One row per rank: the most played artists.
SELECT artists.name, NULL::text AS artist, top.play_count, top.total_ms
FROM (SELECT artist_id, play_count, total_ms
      FROM user_artist_stats
      WHERE user_id = %(user_id)s
      ORDER BY play_count DESC, total_ms DESC, artist_id
      LIMIT %(each)s) AS top
JOIN artists ON artists.id = top.artist_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id
