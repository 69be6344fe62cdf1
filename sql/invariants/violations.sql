-- One row per user, table and measure whose sum is not what users and user_track_stats say.
WITH checked AS (
    SELECT id AS user_id, name, total_play_count, total_listening_ms,
           EXISTS (SELECT FROM invalidated_user_months AS s
                   WHERE s.user_id = users.id AND s.stage = 'STATS') AS is_invalidated
    FROM users
    WHERE %(user_ids)s::bigint[] IS NULL OR id = ANY (%(user_ids)s::bigint[])
), sums AS (
    SELECT user_id, 'listening_events' AS relation, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM (SELECT user_id, count(*) AS play_count, sum(ms_played) AS total_ms
          FROM listening_events JOIN checked USING (user_id) WHERE NOT is_invalidated GROUP BY user_id
          UNION ALL
          SELECT user_id, a.play_count, a.total_ms
          FROM archived_user_months AS a JOIN checked USING (user_id) WHERE NOT is_invalidated) AS present_and_archived
    GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_track_months', sum(play_count), sum(total_ms)
    FROM user_track_months JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_track_stats', sum(play_count), sum(total_ms)
    FROM user_track_stats JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_song_stats', sum(play_count), sum(total_ms)
    FROM user_song_stats JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_album_stats', sum(play_count), sum(total_ms)
    FROM user_album_stats JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_hour_months', sum(play_count), sum(total_ms)
    FROM user_weekday_hour_months JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_weekday_hour_stats', sum(play_count), sum(total_ms)
    FROM user_weekday_hour_stats JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_month_contexts', sum(one.play_count), sum(one.total_ms)
    FROM user_month_contexts AS c
    JOIN checked USING (user_id)
    CROSS JOIN LATERAL unnest(c.play_counts, c.total_ms) AS one (play_count, total_ms)
    GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_hour_stats', sum(play_count), sum(total_ms)
    FROM user_hour_stats JOIN checked USING (user_id) GROUP BY user_id
    UNION ALL
    SELECT user_id, 'user_context_stats ' || dimension, sum(play_count), sum(total_ms)
    FROM user_context_stats JOIN checked USING (user_id) GROUP BY user_id, dimension
    UNION ALL
    SELECT user_id, 'user_time_bucket_stats ' || bucket_type, sum(play_count), sum(total_ms)
    FROM user_time_bucket_stats JOIN checked USING (user_id) GROUP BY user_id, bucket_type
), expected AS (
    SELECT user_id, name, relation, total_play_count AS play_count, total_listening_ms AS total_ms
    FROM checked
    CROSS JOIN (SELECT unnest(ARRAY['listening_events', 'user_track_months', 'user_track_stats', 'user_song_stats',
                                    'user_album_stats', 'user_hour_months', 'user_weekday_hour_stats',
                                    'user_hour_stats', 'user_month_contexts', 'user_time_bucket_stats DAY',
                                    'user_time_bucket_stats WEEK', 'user_time_bucket_stats MONTH'])
                UNION ALL
                SELECT 'user_context_stats ' || dimension
                FROM unnest(enum_range(NULL::context_dimension)) AS dimension
                WHERE dimension <> 'SHARE_HEARD') AS sum_of (relation)
    WHERE NOT (is_invalidated AND relation = 'listening_events')
), artist_sums AS (
    SELECT user_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM user_artist_stats JOIN checked USING (user_id) GROUP BY user_id
), artist_expected AS (
    SELECT s.user_id, sum(s.play_count) AS play_count, sum(s.total_ms) AS total_ms
    FROM user_track_stats AS s
    JOIN checked USING (user_id)
    JOIN track_artists USING (track_id)
    GROUP BY s.user_id
), compared AS (
    SELECT e.name, e.relation, e.play_count AS expected_plays, coalesce(s.play_count, 0) AS plays,
           e.total_ms AS expected_ms, coalesce(s.total_ms, 0) AS ms
    FROM expected AS e
    LEFT JOIN sums AS s USING (user_id, relation)
    UNION ALL
    SELECT c.name, 'user_artist_stats', coalesce(e.play_count, 0), coalesce(s.play_count, 0),
           coalesce(e.total_ms, 0), coalesce(s.total_ms, 0)
    FROM checked AS c
    LEFT JOIN artist_expected AS e USING (user_id)
    LEFT JOIN artist_sums AS s USING (user_id)
)
SELECT name, relation, 'play_count' AS measure, expected_plays::bigint AS expected, plays::bigint AS actual
FROM compared WHERE plays <> expected_plays
UNION ALL
SELECT name, relation, 'total_ms', expected_ms::bigint, ms::bigint
FROM compared WHERE ms <> expected_ms
ORDER BY name, relation, measure
