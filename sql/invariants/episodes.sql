-- One row per user, view and measure whose sum is not that of episode_events.
WITH checked AS (
    SELECT id AS user_id, name
    FROM users
    WHERE %(user_ids)s::bigint[] IS NULL OR id = ANY (%(user_ids)s::bigint[])
), expected AS (
    SELECT user_id, name, count(*) AS plays, sum(ms_played) AS ms
    FROM episode_events JOIN checked USING (user_id)
    GROUP BY user_id, name
), counted AS (
    SELECT user_id, 'user_show_stats' AS relation, play_count, total_ms FROM user_show_stats
    UNION ALL
    SELECT user_id, 'user_episode_hour_stats', play_count, total_ms FROM user_episode_hour_stats
    UNION ALL
    SELECT user_id, 'user_episode_bucket_stats ' || bucket_type, play_count, total_ms FROM user_episode_bucket_stats
), sums AS (
    SELECT user_id, relation, sum(play_count) AS plays, sum(total_ms) AS ms
    FROM counted JOIN checked USING (user_id)
    GROUP BY user_id, relation
), compared AS (
    SELECT e.name, relation, e.plays AS expected_plays, coalesce(s.plays, 0) AS plays, e.ms AS expected_ms,
           coalesce(s.ms, 0) AS ms
    FROM expected AS e
    CROSS JOIN unnest(ARRAY['user_show_stats', 'user_episode_hour_stats', 'user_episode_bucket_stats DAY',
                            'user_episode_bucket_stats WEEK', 'user_episode_bucket_stats MONTH']) AS relation
    LEFT JOIN sums AS s USING (user_id, relation)
)
SELECT name, relation, 'play_count' AS measure, expected_plays::bigint AS expected, plays::bigint AS actual
FROM compared WHERE plays <> expected_plays
UNION ALL
SELECT name, relation, 'total_ms', expected_ms::bigint, ms::bigint
FROM compared WHERE ms <> expected_ms
ORDER BY name, relation, measure
