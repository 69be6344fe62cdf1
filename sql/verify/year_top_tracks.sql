-- One row per local year and track that is wrongly among those that are kept of its months, or wrongly not; and the UTC
-- month in which the year begins. Kept are the most played tracks, and all tracks of the most played songs.
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
), summed AS (
    SELECT year::smallint, song_id, track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM counted
    JOIN tracks ON tracks.id = track_id
    GROUP BY year, song_id, track_id
    HAVING sum(play_count) > 0
), songs AS (
    SELECT year, song_id,
           row_number() OVER (PARTITION BY year
                              ORDER BY sum(play_count) DESC, sum(total_ms) DESC, min(track_id)) AS song_rank
    FROM summed
    GROUP BY year, song_id
), ranked AS (
    SELECT summed.year, summed.track_id, summed.play_count, summed.total_ms, songs.song_rank,
           row_number() OVER (PARTITION BY summed.year
                              ORDER BY summed.play_count DESC, summed.total_ms DESC, summed.track_id) AS rank
    FROM summed
    JOIN songs USING (year, song_id)
)
SELECT make_date(year, 1, 1), year || ' track ' || track_id || ' is not what its months say'
FROM (SELECT * FROM user_year_top_tracks WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT * FROM ranked WHERE rank <= %(each)s OR song_rank <= %(each)s) AS new USING (year, track_id)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY year, track_id
