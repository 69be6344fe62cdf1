-- Temporary tables into which archived user-months are read: one row per archived row. They are emptied here.
CREATE TEMPORARY TABLE IF NOT EXISTS returning_imported_plays (LIKE imported_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS returning_polled_plays (LIKE polled_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS returning_listening_events (LIKE listening_events);
TRUNCATE returning_imported_plays, returning_polled_plays, returning_listening_events;
