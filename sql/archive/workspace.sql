-- Temporary tables into which archived slices are read; who fills them empties them first.
CREATE TEMPORARY TABLE IF NOT EXISTS returning_imported_plays (LIKE imported_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS returning_polled_plays (LIKE polled_plays);
CREATE TEMPORARY TABLE IF NOT EXISTS returning_listening_events (LIKE listening_events);
TRUNCATE returning_imported_plays, returning_polled_plays, returning_listening_events;
