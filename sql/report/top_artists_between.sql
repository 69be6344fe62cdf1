-- One row per rank: the artists most played between two instants. A play counts for each of its track's artists.
SELECT artists.name, NULL::text AS artist, top.play_count, top.total_ms
FROM (SELECT track_artists.artist_id, sum(heard.play_count)::bigint AS play_count,
             sum(heard.total_ms)::bigint AS total_ms
      FROM (SELECT track_id, count(*) AS play_count, sum(ms_played) AS total_ms
            FROM listening_events
            WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
            GROUP BY track_id) AS heard
      JOIN track_artists ON track_artists.track_id = heard.track_id
      GROUP BY track_artists.artist_id
      ORDER BY play_count DESC, total_ms DESC, artist_id
      LIMIT %(each)s) AS top
JOIN artists ON artists.id = top.artist_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id
