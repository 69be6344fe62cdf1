-- Temporary tables into which archived user-months are read: one row per archived row. They are emptied here.
CREATE TEMPORARY TABLE IF NOT EXISTS restored_imported_plays (LIKE imported_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS restored_polled_plays (LIKE polled_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS restored_listening_events (LIKE listening_events);
TRUNCATE restored_imported_plays, restored_polled_plays, restored_listening_events;
