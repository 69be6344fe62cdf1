-- One row per dimension and value: how plays of all time were heard, from events alone.
WITH heard AS (
    SELECT context_id, is_skip, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
    FROM listening_events
    WHERE user_id = %(user_id)s
    GROUP BY context_id, is_skip
), ways AS (
    SELECT way.dimension, way.value, heard.play_count, heard.total_ms
    FROM heard
    LEFT JOIN play_contexts AS p ON p.id = heard.context_id
    CROSS JOIN LATERAL context_values(p) AS way
    UNION ALL
    SELECT 'SKIP', is_skip::text, play_count, total_ms FROM heard
)
SELECT dimension::text AS dimension, value, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM ways
GROUP BY ways.dimension, value
ORDER BY dimension, play_count DESC, total_ms DESC, value
