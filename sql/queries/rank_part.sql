-- One row per item among some of a kind that was played: its place among all. Only what was played as often as one of
-- the items can have a place before it.
WITH played AS MATERIALIZED (
    {played}
)
SELECT {kind} AS kind, ranked.id, ranked.place, ranked.play_count, ranked.total_ms
FROM (SELECT id, play_count, total_ms,
             row_number() OVER (ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
      FROM played
      WHERE CASE WHEN %(by_time)s THEN total_ms ELSE play_count END
            >= (SELECT min(CASE WHEN %(by_time)s THEN own.total_ms ELSE own.play_count END)
                FROM played AS own
                WHERE own.id = ANY (({ids})::bigint[]))) AS ranked
WHERE ranked.id = ANY (({ids})::bigint[])
