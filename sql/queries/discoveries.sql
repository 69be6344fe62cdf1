-- One row per local month of a range: how many songs, artists and albums were played for the first time ever, and how
-- many of these songs and artists were played again at least some days later. The month is found once for each day.
SELECT date_trunc('month', day)::date AS month, sum(songs)::integer AS songs,
       sum(songs_that_stayed)::integer AS songs_that_stayed, sum(artists)::integer AS artists,
       sum(artists_that_stayed)::integer AS artists_that_stayed, sum(albums)::integer AS albums
FROM (SELECT (first_played_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS songs,
             count(*) FILTER (WHERE last_played_at >= first_played_at + %(stays)s) AS songs_that_stayed,
             0 AS artists, 0 AS artists_that_stayed, 0 AS albums
      FROM ({queries/first_songs}) AS first_songs
      WHERE first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
      GROUP BY day
      UNION ALL
      SELECT (first_played_at AT TIME ZONE %(zone)s)::date AS day, 0, 0, count(*),
             count(*) FILTER (WHERE last_played_at >= first_played_at + %(stays)s), 0
      FROM user_artist_stats
      WHERE user_id = %(user_id)s
        AND first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
        AND (%(tracks)s::bigint[] IS NULL
             OR artist_id = ANY (ARRAY(SELECT artist_id FROM track_artists WHERE track_id = ANY (%(tracks)s))))
      GROUP BY day
      UNION ALL
      SELECT (first_played_at AT TIME ZONE %(zone)s)::date AS day, 0, 0, 0, 0, count(*)
      FROM user_album_stats
      WHERE user_id = %(user_id)s AND album_id <> 0
        AND first_played_at >= %(played_from)s AND first_played_at < %(played_to)s
        AND (%(tracks)s::bigint[] IS NULL
             OR album_id = ANY (ARRAY(SELECT album_id FROM tracks WHERE id = ANY (%(tracks)s))))
      GROUP BY day) AS counted
WHERE %(is_exact)s OR day BETWEEN %(first_day)s AND %(last_day)s
GROUP BY month
ORDER BY month
