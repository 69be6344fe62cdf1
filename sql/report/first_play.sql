-- At most one row: the earliest play between two instants, and when it ended in local time.
SELECT first.played_at AT TIME ZONE %(timezone)s AS played_at, coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist
FROM (SELECT track_id, played_at
      FROM listening_events
      WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
      ORDER BY played_at, track_id
      LIMIT 1) AS first
JOIN tracks ON tracks.id = first.track_id
