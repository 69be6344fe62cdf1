-- One row per local year with plays: its artists in the order of their places, with their plays and milliseconds. Year
-- by year, so that sums stay small; whose tracks they are is looked up once. A play counts for every credited artist.
-- are_shared: whether any track that the user ever played has several.
WITH credit AS MATERIALIZED ( -- noqa: ST03
    SELECT s.track_id, c.artist_id
    FROM user_track_stats AS s
    JOIN track_artists AS c ON c.track_id = s.track_id
    WHERE s.user_id = %(user_id)s
)
SELECT years.year, ranked.artists, ranked.play_counts, ranked.total_ms,
       EXISTS (SELECT FROM credit GROUP BY track_id HAVING count(*) > 1) AS are_shared
FROM unnest(%(years)s::integer[]) AS years (year)
CROSS JOIN LATERAL (
    SELECT array_agg(artist_id) AS artists, array_agg(play_count) AS play_counts, array_agg(total_ms) AS total_ms
    FROM (SELECT credit.artist_id, sum(plays.play_count)::bigint AS play_count, sum(plays.total_ms)::bigint AS total_ms
          FROM ({queries/plays_of_year}) AS plays
          JOIN credit ON credit.track_id = plays.track_id
          GROUP BY credit.artist_id
          HAVING sum(plays.play_count) > 0
          ORDER BY sum(plays.{first}) DESC, sum(plays.{second}) DESC, credit.artist_id) AS in_order
) AS ranked
WHERE ranked.artists IS NOT NULL
ORDER BY years.year
