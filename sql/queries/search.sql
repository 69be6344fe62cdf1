-- One row per song, artist or album that a user ever played whose name has all of some words, best first: names that
-- begin with what is typed, then the most played.
SELECT kind, id, play_count
FROM ((SELECT 'artist' AS kind, a.id, s.play_count, lower(a.name) LIKE %(starts)s AS is_start
       FROM user_artist_stats AS s
       JOIN artists AS a ON a.id = s.artist_id
       WHERE s.user_id = %(user_id)s AND lower(a.name) LIKE ALL (%(words)s))
      UNION ALL
      (SELECT 'album', a.id, s.play_count, lower(a.name) LIKE %(starts)s
       FROM user_album_stats AS s
       JOIN albums AS a ON a.id = s.album_id
       WHERE s.user_id = %(user_id)s AND s.album_id <> 0 AND lower(a.name) LIKE ALL (%(words)s))
      UNION ALL
      (SELECT 'song', song.id, sum(s.play_count)::bigint, bool_or(lower(song.name) LIKE %(starts)s)
       FROM user_track_stats AS s
       JOIN tracks AS t ON t.id = s.track_id
       JOIN songs AS song ON song.id = t.song_id
       WHERE s.user_id = %(user_id)s AND lower(concat_ws(' ', song.name, song.artist)) LIKE ALL (%(words)s)
       GROUP BY song.id)) AS found
WHERE kind = ANY (%(kinds)s)
ORDER BY is_start DESC, play_count DESC, kind, id
LIMIT %(each)s
