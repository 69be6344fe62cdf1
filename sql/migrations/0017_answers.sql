-- What the pages and the API need of a user: how the user wants weeks and sessions counted, what may be shown to whom,
-- and whether an answer may have changed since it was given.

ALTER TABLE user_settings
ADD COLUMN week_starts_on smallint NOT NULL DEFAULT 0
CONSTRAINT user_settings_week_starts_on_check CHECK (week_starts_on BETWEEN 0 AND 6),
ADD COLUMN session_gap_minutes smallint NOT NULL DEFAULT 30
CONSTRAINT user_settings_session_gap_minutes_check CHECK (session_gap_minutes BETWEEN 1 AND 1440),
ADD COLUMN share_history boolean NOT NULL DEFAULT false,
ADD COLUMN allows_comparison boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN user_settings.week_starts_on IS
'day on which weeks begin on pages and in the API: 0 is Monday; those of user_time_bucket_stats begin on Monday';
COMMENT ON COLUMN user_settings.session_gap_minutes IS
'plays are of one session while less than this lies between the end of one and the beginning of the next';
COMMENT ON COLUMN user_settings.share_history IS 'a public profile may show single plays and when they were';
COMMENT ON COLUMN user_settings.allows_comparison IS
'a user of this warehouse who allows it too may be compared with this one';

-- Written once by each commit, by sessions that are alone with the user or the catalog anyway. HOT updates.
CREATE TABLE user_versions (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    version bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE user_versions IS
'One row per user whose statistics were ever computed: how often they were written.';
COMMENT ON COLUMN user_versions.user_id IS 'users.id';
COMMENT ON COLUMN user_versions.version IS 'moved by each commit of statistics of the user';

CREATE TABLE catalog_version (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE catalog_version IS
'One row per warehouse: how often names, songs, albums and credits were written.';
COMMENT ON COLUMN catalog_version.is_only IS 'true: there is one row';
COMMENT ON COLUMN catalog_version.version IS 'moved by each commit of the catalog';
