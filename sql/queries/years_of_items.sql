-- One row per local year and item of a kind among some, or among the first ones of any year: its place in the year.
WITH plays AS (
    {queries/plays_by_year}
), of_items AS (
    {of_years}
), ranked AS (
    SELECT year, id, play_count, total_ms,
           row_number() OVER (PARTITION BY year
                              ORDER BY CASE WHEN %(by_time)s THEN total_ms ELSE play_count END DESC,
                                       CASE WHEN %(by_time)s THEN play_count ELSE total_ms END DESC, id) AS place
    FROM of_items
    WHERE play_count > 0
)
SELECT id, year, place, play_count, total_ms
FROM ranked
WHERE CASE WHEN %(ids)s::bigint[] IS NULL
           THEN id IN (SELECT first.id FROM ranked AS first WHERE first.place <= %(each)s)
           ELSE id = ANY (%(ids)s) END
ORDER BY id, year
