-- One row per listening event of the user, those in the archive too, as other services know plays: by the second in
-- which it began, so that this second and the whole seconds of its length end in the second of its end.
SELECT extract(EPOCH FROM date_trunc('second', e.played_at))::bigint - e.ms_played / 1000 AS listened_at,
       t.name AS track,
       (SELECT array_agg(artists.name ORDER BY credit.position, artists.id)
        FROM track_artists AS credit JOIN artists ON artists.id = credit.artist_id
        WHERE credit.track_id = t.id AND artists.name IS NOT NULL) AS artists,
       albums.name AS album, e.ms_played, t.duration_ms, t.spotify_id
FROM (SELECT * FROM listening_events WHERE user_id = %(user_id)s
      UNION ALL SELECT * FROM returning_listening_events) AS e
LEFT JOIN tracks AS t ON t.id = e.track_id
LEFT JOIN albums ON albums.id = t.album_id
ORDER BY listened_at, e.played_at, e.track_id
