-- One row per local year with plays: its artists in the order of their places, with their plays and milliseconds. Year
-- by year, so that sums stay small.
SELECT years.year, ranked.artists, ranked.play_counts, ranked.total_ms
FROM unnest(%(years)s::integer[]) AS years (year)
CROSS JOIN LATERAL (
    SELECT array_agg(id) AS artists, array_agg(play_count) AS play_counts, array_agg(total_ms) AS total_ms
    FROM (WITH counted AS MATERIALIZED ( -- noqa: ST03
              {queries/counted_in_year}
          ), played AS (
              {queries/played_artists}
          )
          SELECT id, play_count, total_ms
          FROM played
          ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                   CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS in_order
) AS ranked
WHERE ranked.artists IS NOT NULL
ORDER BY years.year
