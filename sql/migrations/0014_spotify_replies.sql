-- What Spotify's replies say beyond their payloads: how the latest run for metadata ended, and how often Spotify did
-- not know an object; whether the last poll of a user was refused;
-- from where a play was started.

CREATE TABLE latest_metadata_run (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    ended_at timestamptz NOT NULL,
    calls integer NOT NULL CHECK (calls >= 0),
    fetched integer NOT NULL CHECK (fetched >= 0),
    failed integer NOT NULL CHECK (failed >= 0),
    stopped text,
    is_broken boolean NOT NULL,
    plays bigint NOT NULL,
    plays_with_metadata bigint NOT NULL
);
COMMENT ON TABLE latest_metadata_run IS 'One row per warehouse: the latest run that fetched metadata.';
COMMENT ON COLUMN latest_metadata_run.is_only IS 'true: there is one row';
COMMENT ON COLUMN latest_metadata_run.ended_at IS 'when the run ended';
COMMENT ON COLUMN latest_metadata_run.calls IS 'calls that it made';
COMMENT ON COLUMN latest_metadata_run.fetched IS 'tracks, albums and artists that it fetched, and names that it found';
COMMENT ON COLUMN latest_metadata_run.failed IS 'objects and names for which Spotify gave no usable reply';
COMMENT ON COLUMN latest_metadata_run.stopped IS 'why it ended early; NULL if it fetched everything that it could';
COMMENT ON COLUMN latest_metadata_run.is_broken IS
    'whether refusals or failures in a row ended it, not a limit of calls';
COMMENT ON COLUMN latest_metadata_run.plays IS 'plays of all users when it ended';
COMMENT ON COLUMN latest_metadata_run.plays_with_metadata IS 'those whose track''s metadata was known';

ALTER TABLE metadata_refresh_log ADD COLUMN not_found integer NOT NULL DEFAULT 0 CHECK (not_found >= 0);
COMMENT ON COLUMN metadata_refresh_log.not_found IS
    'replies in a row, days apart, that there is no such object; after three it is gone';

ALTER TABLE poll_states ADD COLUMN is_refused boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN poll_states.is_refused IS 'whether the last poll failed for a reason that waiting does not mend';

ALTER TABLE polled_plays ADD COLUMN context_type text, ADD COLUMN context_uri text;
COMMENT ON COLUMN polled_plays.context_type IS
    'from what the play was started, as Spotify names it: playlist, album, artist, …; NULL if Spotify did not say';
COMMENT ON COLUMN polled_plays.context_uri IS
    'Spotify URI of that playlist, album or artist; NULL if Spotify did not say';
