-- One row per local year with plays, without an artist: as queries/diversity. And one row per local year and artist who
-- was among the first ones of any year: the place in the year.
WITH plays AS (
    {queries/plays_by_year}
), of_years AS MATERIALIZED (
    SELECT id, year, play_count, total_ms
    FROM ({of_years}) AS of_artists
    WHERE play_count > 0
), ranked AS (
    SELECT year, id, play_count, total_ms,
           row_number() OVER (PARTITION BY year
                              ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                       CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
    FROM of_years
)
SELECT NULL::bigint AS id, year, count(*) AS place, sum(play_count)::bigint AS play_count,
       sum(total_ms)::bigint AS total_ms, sum(play_count * ln(play_count::double precision)) AS entropy,
       sum(play_count::double precision * play_count) AS squares
FROM of_years
GROUP BY year
UNION ALL
SELECT id, year, place, play_count, total_ms, NULL, NULL
FROM ranked
WHERE id = ANY (ARRAY(SELECT first.id FROM ranked AS first WHERE first.place <= %(each)s))
ORDER BY id, year
