-- One row per user, local weekday and hour: the difference is applied.
MERGE INTO user_weekday_hour_stats AS old
USING changed_hours AS c
ON old.user_id = c.user_id AND old.weekday = c.weekday AND old.hour = c.hour
WHEN MATCHED AND old.play_count + c.play_count <= 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET play_count = old.play_count + c.play_count, total_ms = old.total_ms + c.total_ms
WHEN NOT MATCHED AND c.play_count > 0 THEN
    INSERT (user_id, weekday, hour, play_count, total_ms)
    VALUES (c.user_id, c.weekday, c.hour, c.play_count, c.total_ms)
