-- One row per item among some of a kind that was played: its place among all.
WITH played AS MATERIALIZED ( -- noqa: ST03
    {played}
)
SELECT {kind} AS kind, ranked.id, ranked.place, ranked.play_count, ranked.total_ms
FROM ({queries/places}) AS ranked
WHERE ranked.id = ANY (({ids})::bigint[])
