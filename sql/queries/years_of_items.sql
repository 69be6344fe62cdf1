-- One row per local year and item of a kind among some, or among the first ones of any year: its place in the year.
WITH plays AS MATERIALIZED (
    SELECT track_id, year, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
    FROM (SELECT track_id, extract(year FROM month)::integer AS year, play_count, total_ms
          FROM user_track_months
          WHERE user_id = %(user_id)s AND month >= %(earliest_month)s AND month <= %(latest_month)s
          UNION ALL
          SELECT e.track_id, extract(year FROM e.month)::integer + moved.years, moved.sign * e.play_count,
                 moved.sign * e.total_ms
          FROM user_month_edges AS e
          CROSS JOIN (VALUES (0, 1), (-1, -1)) AS moved (years, sign)
          WHERE e.user_id = %(user_id)s AND extract(month FROM e.month) = 1) AS counted
    GROUP BY track_id, year
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
