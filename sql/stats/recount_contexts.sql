-- One row per user, dimension and value that is new or has changed, summed from the contexts of the months. Values
-- without plays are removed.
WITH contexts AS (
    SELECT c.user_id, one.context_id, sum(one.play_count) AS play_count, sum(one.total_ms) AS total_ms
    FROM user_month_contexts AS c
    CROSS JOIN LATERAL unnest(c.context_ids, c.play_counts, c.total_ms) AS one (context_id, play_count, total_ms)
    WHERE c.user_id = ANY (%(user_ids)s)
    GROUP BY c.user_id, one.context_id
), skips AS (
    SELECT user_id, sum(skip_count) AS play_count, sum(skip_ms) AS total_ms
    FROM user_month_contexts
    WHERE user_id = ANY (%(user_ids)s)
    GROUP BY user_id
), summed AS (
    SELECT contexts.user_id, way.dimension, way.value, sum(play_count) AS play_count, sum(total_ms) AS total_ms
    FROM contexts
    LEFT JOIN play_contexts AS p ON p.id = contexts.context_id
    CROSS JOIN LATERAL context_values(p) AS way
    GROUP BY contexts.user_id, way.dimension, way.value
    UNION ALL
    SELECT user_id, 'SKIP', 'true', play_count, total_ms FROM skips WHERE play_count > 0
    UNION ALL
    SELECT user_id, 'SKIP', 'false', sum(contexts.play_count) - skips.play_count,
           sum(contexts.total_ms) - skips.total_ms
    FROM contexts
    JOIN skips USING (user_id)
    GROUP BY user_id, skips.play_count, skips.total_ms
    HAVING sum(contexts.play_count) > skips.play_count
), removed AS (
    DELETE FROM user_context_stats AS old
    WHERE old.user_id = ANY (%(user_ids)s)
      AND (old.user_id, old.dimension, old.value) NOT IN (SELECT user_id, dimension, value FROM summed)
)
INSERT INTO user_context_stats AS old (user_id, dimension, value, play_count, total_ms)
SELECT user_id, dimension, value, play_count, total_ms
FROM summed
ON CONFLICT (user_id, dimension, value) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (excluded.play_count, excluded.total_ms)
