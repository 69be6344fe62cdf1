-- One row per local year in which an item was played: its place among all of its kind. Year by year, so that sums stay
-- small. least: what the item has in each year; nothing that has less can be before it.
SELECT ranked.year, ranked.place, ranked.play_count, ranked.total_ms
FROM (SELECT years.year, played.id, played.play_count, played.total_ms,
             row_number() OVER (PARTITION BY years.year
                                ORDER BY played.{first} DESC, played.{second} DESC, played.id) AS place
      FROM unnest(%(years)s::integer[], %(least)s::bigint[]) AS years (year, least)
      CROSS JOIN LATERAL ({played}) AS played) AS ranked
WHERE ranked.id = ANY (({ids})::bigint[])
ORDER BY ranked.year
