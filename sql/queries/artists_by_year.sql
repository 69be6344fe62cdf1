-- One row per local year with plays, without an artist: as queries/diversity. And one row per local year and artist who
-- was among the first ones of any year: the place in the year.
WITH ranked AS MATERIALIZED (
    SELECT years.year, played.id, played.play_count, played.total_ms,
           row_number() OVER (PARTITION BY years.year
                              ORDER BY CASE WHEN %(by_time)s THEN played.total_ms ELSE played.play_count END DESC,
                                       CASE WHEN %(by_time)s THEN played.play_count ELSE played.total_ms END DESC,
                                       played.id) AS place
    FROM unnest(%(years)s::integer[]) AS years (year)
    CROSS JOIN LATERAL (
        WITH counted AS MATERIALIZED (
            {queries/counted_in_year}
        )
        {played}
    ) AS played
)
SELECT NULL::bigint AS id, year, count(*) AS place, sum(play_count)::bigint AS play_count,
       sum(total_ms)::bigint AS total_ms, sum(play_count * ln(play_count::double precision)) AS entropy,
       sum(play_count::double precision * play_count) AS squares
FROM ranked
GROUP BY year
UNION ALL
SELECT id, year, place, play_count, total_ms, NULL, NULL
FROM ranked
WHERE id = ANY (ARRAY(SELECT first.id FROM ranked AS first WHERE first.place <= %(each)s))
ORDER BY id, year
