-- One row per user, dimension and value: the difference is applied.
MERGE INTO user_context_stats AS old
USING changed_contexts AS c
ON old.user_id = c.user_id AND old.dimension = c.dimension AND old.value = c.value
WHEN MATCHED AND old.play_count + c.play_count <= 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET play_count = old.play_count + c.play_count, total_ms = old.total_ms + c.total_ms
WHEN NOT MATCHED AND c.play_count > 0 THEN
    INSERT (user_id, dimension, value, play_count, total_ms)
    VALUES (c.user_id, c.dimension, c.value, c.play_count, c.total_ms)
