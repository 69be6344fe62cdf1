-- One row per item of a kind that comes after a place, those that were played most. A tie is broken by the lesser id.
SELECT {kind} AS kind, played.id, played.recordings, played.play_count, played.total_ms, played.items
FROM (SELECT id, recordings, play_count, total_ms, count(*) OVER () AS items FROM ({played}) AS every) AS played
WHERE %(after)s::bigint[] IS NULL
   OR (CASE WHEN %(by_time)s THEN played.total_ms ELSE played.play_count END,
       CASE WHEN %(by_time)s THEN played.play_count ELSE played.total_ms END, -played.id)
      < ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2], -(%(after)s::bigint[])[3])
ORDER BY CASE WHEN %(by_time)s THEN played.total_ms ELSE played.play_count END DESC,
         CASE WHEN %(by_time)s THEN played.play_count ELSE played.total_ms END DESC, played.id
LIMIT %(each)s
