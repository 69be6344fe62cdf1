-- One row per dimension and value: how the plays of some local days were heard, the most common first.
WITH near AS MATERIALIZED (
    {queries/signed_events}
), contexts AS (
    SELECT context_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM (SELECT one.context_id, one.play_count, one.total_ms
          FROM user_month_contexts AS m
          CROSS JOIN LATERAL unnest(m.context_ids, m.play_counts, m.total_ms) AS one (context_id, play_count, total_ms)
          WHERE m.user_id = %(user_id)s AND m.month >= %(first_month)s AND m.month < %(end_month)s
          UNION ALL
          SELECT coalesce(context_id, 0), sign, sign * ms_played::bigint FROM near) AS counted
    GROUP BY context_id
), skips AS (
    SELECT coalesce(sum(play_count), 0) AS play_count, coalesce(sum(total_ms), 0) AS total_ms
    FROM (SELECT m.skip_count AS play_count, m.skip_ms AS total_ms
          FROM user_month_contexts AS m
          WHERE m.user_id = %(user_id)s AND m.month >= %(first_month)s AND m.month < %(end_month)s
          UNION ALL
          SELECT sign, sign * ms_played::bigint FROM near WHERE is_skip) AS counted
)
SELECT dimension, value, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT way.dimension::text AS dimension, way.value, contexts.play_count, contexts.total_ms
      FROM contexts
      LEFT JOIN play_contexts AS p ON p.id = contexts.context_id
      CROSS JOIN LATERAL context_values(p) AS way
      UNION ALL
      SELECT 'SKIP', 'true', play_count, total_ms FROM skips
      UNION ALL
      SELECT 'SKIP', 'false', (SELECT coalesce(sum(play_count), 0) FROM contexts) - play_count,
             (SELECT coalesce(sum(total_ms), 0) FROM contexts) - total_ms
      FROM skips) AS heard
GROUP BY dimension, value
HAVING sum(play_count) > 0
ORDER BY dimension, sum(play_count) DESC, value
