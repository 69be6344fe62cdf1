-- One row per listening event of the user, those in the archive too, with names.
SELECT e.played_at, t.name AS track,
       (SELECT string_agg(artists.name, ', ' ORDER BY credit.position, artists.id)
        FROM track_artists AS credit JOIN artists ON artists.id = credit.artist_id
        WHERE credit.track_id = t.id) AS artists,
       albums.name AS album, e.ms_played, e.is_skip, e.is_estimated, e.source, t.spotify_id, e.track_id
FROM (SELECT * FROM listening_events WHERE user_id = %(user_id)s
      UNION ALL SELECT * FROM returning_listening_events) AS e
LEFT JOIN tracks AS t ON t.id = e.track_id
LEFT JOIN albums ON albums.id = t.album_id
ORDER BY e.played_at, e.track_id
