-- One row per item that was played at least as often as one of some: its place among all. Nothing else can have a place
-- before one of them.
SELECT id, play_count, total_ms,
       row_number() OVER (ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                   CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
FROM played
WHERE CASE WHEN %(by_time)s THEN total_ms ELSE play_count END
      >= (SELECT min(CASE WHEN %(by_time)s THEN own.total_ms ELSE own.play_count END)
          FROM played AS own
          WHERE own.id = ANY (({ids})::bigint[]))
