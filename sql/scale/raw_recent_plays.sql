-- One row per play, the latest first, from events alone.
SELECT e.played_at, coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY track_artists.position, artists.name)
        FROM track_artists JOIN artists ON artists.id = track_artists.artist_id
        WHERE track_artists.track_id = tracks.id) AS artist,
       e.ms_played
FROM (SELECT track_id, played_at, ms_played
      FROM listening_events
      WHERE user_id = %(user_id)s
      ORDER BY played_at DESC, track_id
      LIMIT 50) AS e
JOIN tracks ON tracks.id = e.track_id
ORDER BY e.played_at DESC, e.track_id
