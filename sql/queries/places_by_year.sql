-- One row per local year and item of a kind among some that was played in it: its place among all. Year by year, so
-- that sums stay small.
SELECT ranked.id, years.year, ranked.place, ranked.play_count, ranked.total_ms
FROM unnest(%(years)s::integer[]) AS years (year)
CROSS JOIN LATERAL (
    WITH counted AS MATERIALIZED (
        {queries/counted_in_year}
    ), played AS MATERIALIZED ( -- noqa: ST03
        {played}
    )
    {queries/places}
) AS ranked
WHERE ranked.id = ANY (({ids})::bigint[])
ORDER BY ranked.id, years.year
