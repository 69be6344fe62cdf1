-- One row per local year and genre that several artists of a played track share: the plays that the sum over artists
-- counts once more than they are.
WITH repeated AS MATERIALIZED ( -- noqa: ST03
    SELECT credit.track_id, genre, count(*) - 1 AS times
    FROM user_track_stats AS s
    JOIN track_artists AS credit ON credit.track_id = s.track_id
    JOIN artists ON artists.id = credit.artist_id
    CROSS JOIN unnest(artists.genres) AS genre
    WHERE s.user_id = %(user_id)s
    GROUP BY credit.track_id, genre
    HAVING count(*) > 1
)
SELECT years.year, played.genre, played.play_count, played.total_ms
FROM unnest(%(years)s::integer[]) AS years (year)
CROSS JOIN LATERAL (
    SELECT repeated.genre, sum(plays.play_count * repeated.times)::bigint AS play_count,
           sum(plays.total_ms * repeated.times)::bigint AS total_ms
    FROM ({queries/plays_of_year}) AS plays
    JOIN repeated ON repeated.track_id = plays.track_id
    GROUP BY repeated.genre
) AS played
