-- At most one row: the song that the words of a program mean, if the user ever played it: that of the Spotify id, else
-- one of these names, the most played.
SELECT t.song_id
FROM (SELECT track_id, true AS by_id FROM track_aliases WHERE spotify_id = %(spotify_id)s
      UNION ALL SELECT id, true FROM tracks WHERE spotify_id = %(spotify_id)s
      UNION ALL SELECT link.track_id, false
                FROM export_tracks AS e
                JOIN export_track_links AS link ON link.export_track_id = e.id
                WHERE e.song_key = song_key(%(name)s, %(artist)s)) AS meant
JOIN user_track_stats AS s ON s.user_id = %(user_id)s AND s.track_id = meant.track_id
JOIN tracks AS t ON t.id = meant.track_id
ORDER BY meant.by_id DESC, s.play_count DESC, t.song_id
LIMIT 1
