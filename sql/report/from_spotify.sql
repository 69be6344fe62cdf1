-- One row per user: the polled plays since a moment, and the first of Spotify's top tracks and artists over four weeks.
SELECT users.name, users.display_name,
       (SELECT count(*) FROM polled_plays AS play
        WHERE play.user_id = users.id AND play.played_at >= %(since)s) AS polled_plays,
       track.name AS first_track, track.artist AS first_track_artist, artist.name AS first_artist
FROM users
LEFT JOIN LATERAL (
    SELECT tracks.name, string_agg(artists.name, ', ' ORDER BY credit.position) AS artist
    FROM spotify_top_tracks AS top
    JOIN tracks ON tracks.id = top.track_id
    LEFT JOIN track_artists AS credit ON credit.track_id = tracks.id
    LEFT JOIN artists ON artists.id = credit.artist_id
    WHERE top.user_id = users.id AND top.term = 'SHORT_TERM' AND top.rank = 1
    GROUP BY tracks.id
) AS track ON true
LEFT JOIN LATERAL (
    SELECT artists.name
    FROM spotify_top_artists AS top
    JOIN artists ON artists.id = top.artist_id
    WHERE top.user_id = users.id AND top.term = 'SHORT_TERM' AND top.rank = 1
) AS artist ON true
WHERE users.name = ANY (%(names)s)
ORDER BY users.name
