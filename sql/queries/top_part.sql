-- One row per item of a kind that comes after a place, those that were played most. A tie is broken by the lesser id.
WITH played AS MATERIALIZED (
    {played}
)
SELECT {kind} AS kind, id, recordings, play_count, total_ms, (SELECT count(*) FROM played AS every) AS items
FROM played
WHERE %(after)s::bigint[] IS NULL
   OR (CASE WHEN %(by_time)s THEN total_ms ELSE play_count END,
       CASE WHEN %(by_time)s THEN play_count ELSE total_ms END, -id)
      < ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2], -(%(after)s::bigint[])[3])
ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id
LIMIT %(each)s
