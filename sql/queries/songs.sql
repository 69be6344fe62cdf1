-- One row per song: the names and the picture to show, and what a user ever played of it. OFFSET 0: see stats/songs.
SELECT song.id, song.name, song.artist,
       (SELECT credit.artist_id FROM track_artists AS credit
        WHERE credit.track_id = shown.id ORDER BY credit.position, credit.artist_id LIMIT 1) AS artist_id,
       shown.album_id, shown.album, shown.image_url, shown.spotify_id, shown.duration_ms,
       ever.play_count, ever.total_ms, ever.first_played_at, ever.last_played_at
FROM named_songs AS song
LEFT JOIN LATERAL (SELECT t.id, t.album_id, albums.name AS album, albums.image_url, t.spotify_id, t.duration_ms
                   FROM tracks AS t
                   LEFT JOIN albums ON albums.id = t.album_id
                   LEFT JOIN LATERAL (SELECT play_count
                                      FROM user_track_stats
                                      WHERE user_id = %(user_id)s AND track_id = t.id
                                      ORDER BY track_id
                                      OFFSET 0) AS s ON TRUE
                   WHERE t.song_id = song.id AND t.merged_into IS NULL
                   ORDER BY s.play_count DESC NULLS LAST, t.id
                   LIMIT 1) AS shown ON TRUE
LEFT JOIN LATERAL (SELECT sum(s.play_count)::bigint AS play_count, sum(s.total_ms)::bigint AS total_ms,
                          min(s.first_played_at) AS first_played_at, max(s.last_played_at) AS last_played_at
                   FROM tracks AS t
                   CROSS JOIN LATERAL (SELECT play_count, total_ms, first_played_at, last_played_at
                                       FROM user_track_stats
                                       WHERE user_id = %(user_id)s AND track_id = t.id
                                       ORDER BY track_id
                                       OFFSET 0) AS s
                   WHERE t.song_id = song.id) AS ever ON TRUE
WHERE song.id = ANY (%(ids)s)
