-- One row per item among some of a kind: its place among all.
SELECT {kind} AS kind, ranked.id, ranked.place, ranked.play_count, ranked.total_ms
FROM (SELECT id, play_count, total_ms,
             row_number() OVER (ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                         CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
      FROM ({played}) AS played) AS ranked
WHERE ranked.id = ANY ({ids})
