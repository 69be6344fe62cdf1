-- One row per rank: the most played tracks and their artists, from events alone.
SELECT coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist,
       top.play_count, top.total_ms
FROM (SELECT e.track_id, count(*) AS play_count, sum(e.ms_played)::bigint AS total_ms
      FROM listening_events AS e
      WHERE e.user_id = %(user_id)s AND {within}
      GROUP BY e.track_id
      ORDER BY play_count DESC, total_ms DESC, track_id
      LIMIT 50) AS top
JOIN tracks ON tracks.id = top.track_id
ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id
