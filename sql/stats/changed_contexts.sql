-- changed_contexts: one row per user, dimension and value in which the recomputed months differ from what is known.
WITH contexts AS (
    SELECT user_id, context_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM (SELECT fresh.user_id, one.context_id, one.play_count, one.total_ms
          FROM fresh_month_contexts AS fresh
          CROSS JOIN LATERAL unnest(context_ids, play_counts, total_ms) AS one (context_id, play_count, total_ms)
          UNION ALL
          SELECT old.user_id, one.context_id, -one.play_count, -one.total_ms
          FROM user_month_contexts AS old
          CROSS JOIN LATERAL unnest(context_ids, play_counts, total_ms) AS one (context_id, play_count, total_ms)
          WHERE old.user_id = ANY (%(user_ids)s) AND old.month = ANY (%(months)s)) AS plays
    GROUP BY user_id, context_id
), skips AS (
    SELECT user_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM (SELECT user_id, skip_count AS play_count, skip_ms AS total_ms FROM fresh_month_contexts
          UNION ALL
          SELECT user_id, -skip_count, -skip_ms
          FROM user_month_contexts
          WHERE user_id = ANY (%(user_ids)s) AND month = ANY (%(months)s)) AS plays
    GROUP BY user_id
)
INSERT INTO changed_contexts (user_id, dimension, value, play_count, total_ms)
SELECT user_id, dimension, value, sum(play_count), sum(total_ms)
FROM (SELECT contexts.user_id, way.dimension, way.value, contexts.play_count, contexts.total_ms
      FROM contexts
      LEFT JOIN play_contexts AS p ON p.id = contexts.context_id
      CROSS JOIN LATERAL context_values(p) AS way
      WHERE (contexts.play_count, contexts.total_ms) <> (0, 0)
      UNION ALL
      SELECT user_id, 'SKIP', 'true', play_count, total_ms FROM skips
      UNION ALL
      SELECT user_id, 'SKIP', 'false', -play_count, -total_ms FROM skips
      UNION ALL
      SELECT user_id, 'SKIP', 'false', play_count, total_ms FROM contexts) AS changes
GROUP BY user_id, dimension, value
HAVING (sum(play_count), sum(total_ms)) <> (0, 0)
