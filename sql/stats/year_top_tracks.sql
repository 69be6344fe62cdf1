-- One row per user, local year and track that enters the most played tracks of the year, changes among them or leaves
-- them. Year by year, so that each sum stays small.
WITH top_tracks AS MATERIALIZED (
    SELECT chosen.user_id, asked.year, top.track_id, top.play_count, top.total_ms
    FROM unnest(%(user_ids)s::bigint[]) AS chosen (user_id)
    CROSS JOIN unnest(%(years)s::integer[]) AS asked (year)
    CROSS JOIN LATERAL (
        SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms
        FROM (SELECT track_id, play_count, total_ms
              FROM user_track_months
              WHERE user_id = chosen.user_id
                AND month >= make_date(asked.year, 1, 1) AND month <= make_date(asked.year, 12, 1)
                AND month >= %(first)s AND month < %(end)s
              UNION ALL
              SELECT track_id, play_count, total_ms
              FROM user_month_edges
              WHERE user_id = chosen.user_id AND month = make_date(asked.year, 1, 1)
              UNION ALL
              SELECT track_id, -play_count, -total_ms
              FROM user_month_edges
              WHERE user_id = chosen.user_id AND month = make_date(asked.year + 1, 1, 1)) AS counted
        GROUP BY track_id
        HAVING sum(play_count) > 0
        ORDER BY play_count DESC, total_ms DESC, track_id
        LIMIT %(each)s) AS top
), removed AS (
    DELETE FROM user_year_top_tracks AS old
    WHERE old.user_id = ANY (%(user_ids)s) AND old.year = ANY (%(years)s)
      AND (old.user_id, old.year, old.track_id) NOT IN (SELECT user_id, year, track_id FROM top_tracks)
    RETURNING old.user_id, old.year, old.track_id
), written AS (
    INSERT INTO user_year_top_tracks (user_id, year, track_id, play_count, total_ms)
    SELECT t.user_id, t.year, t.track_id, t.play_count, t.total_ms
    FROM top_tracks AS t
    LEFT JOIN user_year_top_tracks AS old
           ON old.user_id = t.user_id AND old.year = t.year AND old.track_id = t.track_id
    WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (t.play_count, t.total_ms)
    ORDER BY t.user_id, t.year, t.track_id
    ON CONFLICT (user_id, year, track_id) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
    RETURNING user_id, year, track_id
)
SELECT user_id, year, track_id FROM removed
UNION ALL
SELECT user_id, year, track_id FROM written
