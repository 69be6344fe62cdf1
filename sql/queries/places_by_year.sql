-- One row per local year and item of a kind among some that was played in it: its place among all, as in rank_part.
-- Year by year, so that sums stay small.
SELECT ranked.id, years.year, ranked.place, ranked.play_count, ranked.total_ms
FROM unnest(%(years)s::integer[]) AS years (year)
CROSS JOIN LATERAL (
    WITH counted AS MATERIALIZED (
        {queries/counted_in_year}
    ), played AS MATERIALIZED (
        {played}
    )
    SELECT id, play_count, total_ms,
           row_number() OVER (ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                       CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
    FROM played
    WHERE CASE WHEN %(by_time)s THEN total_ms ELSE play_count END
          >= (SELECT min(CASE WHEN %(by_time)s THEN own.total_ms ELSE own.play_count END)
              FROM played AS own
              WHERE own.id = ANY (({ids})::bigint[]))
) AS ranked
WHERE ranked.id = ANY (({ids})::bigint[])
ORDER BY ranked.id, years.year
