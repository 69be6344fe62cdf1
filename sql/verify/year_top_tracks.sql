-- One row per local year and track that is wrongly among the most played tracks of its months, or wrongly not; and the
-- UTC month in which the year begins.
WITH counted AS (
    SELECT date_part('year', month) AS year, track_id, play_count, total_ms
    FROM user_track_months
    WHERE user_id = %(user_id)s
    UNION ALL
    SELECT date_part('year', month), track_id, play_count, total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s
    UNION ALL
    SELECT date_part('year', month - 1), track_id, -play_count, -total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s
), ranked AS (
    SELECT year::smallint, track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms,
           row_number() OVER (PARTITION BY year ORDER BY sum(play_count) DESC, sum(total_ms) DESC, track_id) AS rank
    FROM counted
    GROUP BY year, track_id
    HAVING sum(play_count) > 0
)
SELECT make_date(year, 1, 1), year || ' track ' || track_id || ' is not what its months say'
FROM (SELECT * FROM user_year_top_tracks WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT * FROM ranked WHERE rank <= %(each)s) AS new USING (year, track_id)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY year, track_id
