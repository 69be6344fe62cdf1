-- Views that take the place of their tables in this session: one row per row of the table, and per row that the user
-- has in the archive. So what is derived is compared as if the months that were read from it had been restored. Queries
-- on a table by its schema, and functions, do not see them.
{archive/returning_without_equal_times};

CREATE INDEX ON returning_imported_plays (user_id, played_at);
CREATE INDEX ON returning_polled_plays (user_id, played_at);
CREATE INDEX ON returning_listening_events (user_id, played_at);
ANALYZE returning_imported_plays, returning_polled_plays, returning_listening_events;

CREATE TEMPORARY TABLE returned_events AS
{archive/returning_events};
CREATE INDEX ON returned_events (user_id, played_at);
ANALYZE returned_events;

CREATE TEMPORARY VIEW imported_plays AS
SELECT user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id
FROM {schema}.imported_plays
UNION ALL
SELECT user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id
FROM returning_imported_plays;

CREATE TEMPORARY VIEW polled_plays AS
SELECT user_id, played_at, spotify_id, duration_ms, polled_at FROM {schema}.polled_plays
UNION ALL
SELECT user_id, played_at, spotify_id, duration_ms, polled_at FROM returning_polled_plays;

CREATE TEMPORARY VIEW listening_events AS
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id
FROM {schema}.listening_events
UNION ALL
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id
FROM returned_events;

CREATE TEMPORARY VIEW archived_user_months AS
SELECT user_id, month, part, play_count, total_ms, imported_plays, polled_plays, has_account_data
FROM {schema}.archived_user_months
WHERE user_id <> {user_id} OR month <> ALL ({months});
