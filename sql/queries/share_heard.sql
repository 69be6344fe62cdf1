-- One row per share of the track that plays of some UTC months heard, as view user_context_months says it of a month.
-- Each track is looked up once; for the join see queries/played_artists.
WITH played AS MATERIALIZED (
    SELECT track_id, play_count, total_ms, ms_played
    FROM user_track_months
    WHERE user_id = %(user_id)s AND month >= %(first_month)s AND month < %(end_month)s
), plays AS (
    SELECT track_id, total_ms AS ms
    FROM played
    WHERE ms_played IS NULL
    UNION ALL
    SELECT played.track_id, one.ms
    FROM played
    CROSS JOIN unnest(played.ms_played) AS one (ms)
)
SELECT 'SHARE_HEARD' AS dimension, value, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT CASE
                 WHEN t.duration_ms IS NULL THEN 'unknown'
                 WHEN plays.ms * 100 < t.duration_ms * 25::bigint THEN 'under 25%%'
                 WHEN plays.ms * 100 < t.duration_ms * 50::bigint THEN '25%% to 50%%'
                 WHEN plays.ms * 100 < t.duration_ms * 75::bigint THEN '50%% to 75%%'
                 WHEN plays.ms * 100 < t.duration_ms * 95::bigint THEN '75%% to 95%%'
                 ELSE '95%% or more'
             END AS value, count(plays.ms) AS play_count, sum(plays.ms) AS total_ms
      FROM plays
      FULL JOIN (SELECT id, duration_ms
                 FROM tracks
                 WHERE id = ANY (ARRAY(SELECT DISTINCT track_id FROM played))) AS t ON t.id = plays.track_id
      GROUP BY value
      UNION ALL
      SELECT 'unknown', sum(play_count - cardinality(ms_played)),
             sum(total_ms - coalesce((SELECT sum(one.ms) FROM unnest(ms_played) AS one (ms)), 0))
      FROM played
      WHERE cardinality(ms_played) < play_count) AS heard
GROUP BY value
HAVING sum(play_count) > 0
ORDER BY sum(play_count) DESC, value
