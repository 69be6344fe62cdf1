-- One row per play between two instants, the latest first.
SELECT recent.played_at, coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist,
       recent.ms_played
FROM (SELECT track_id, played_at, ms_played
      FROM listening_events
      WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
      ORDER BY played_at DESC, track_id
      LIMIT %(each)s) AS recent
JOIN tracks ON tracks.id = recent.track_id
ORDER BY recent.played_at DESC, recent.track_id
