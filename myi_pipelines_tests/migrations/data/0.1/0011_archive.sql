-- Archive: months that left for Parquet files. What statistics, invariants and the catalog have to know of them stays here.

CREATE TABLE archived_months (
    month            date NOT NULL CHECK (extract(day FROM month) = 1),
    part             integer NOT NULL CHECK (part > 0),
    folder           text NOT NULL UNIQUE,
    manifest_sha256  text NOT NULL CHECK (manifest_sha256 ~ '^[0-9a-f]{64}$'),
    imported_plays   bigint NOT NULL CHECK (imported_plays >= 0),
    polled_plays     bigint NOT NULL CHECK (polled_plays >= 0),
    listening_events bigint NOT NULL CHECK (listening_events >= 0),
    bytes            bigint NOT NULL CHECK (bytes > 0),
    archived_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (month, part)
);
COMMENT ON TABLE archived_months IS 'One row per UTC month and time that its plays left for the archive.';
COMMENT ON COLUMN archived_months.part IS 'counts up: of plays that came back, or arrived since, a later part is made';
COMMENT ON COLUMN archived_months.folder IS 'where the files lie, below MYI_ARCHIVE_URL';
COMMENT ON COLUMN archived_months.manifest_sha256 IS 'of manifest.json, which tells the checksums of the others';
COMMENT ON COLUMN archived_months.imported_plays IS 'rows in the file of that name';
COMMENT ON COLUMN archived_months.polled_plays IS 'rows in the file of that name';
COMMENT ON COLUMN archived_months.listening_events IS 'rows in the file of that name';

CREATE TABLE archived_slices (
    user_id          bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    month            date NOT NULL,
    part             integer NOT NULL,
    play_count       integer NOT NULL CHECK (play_count >= 0),
    total_ms         bigint NOT NULL CHECK (total_ms >= 0),
    imported_plays   integer NOT NULL CHECK (imported_plays >= 0),
    polled_plays     integer NOT NULL CHECK (polled_plays >= 0),
    has_account_data boolean NOT NULL,
    PRIMARY KEY (user_id, month),
    FOREIGN KEY (month, part) REFERENCES archived_months
);
CREATE INDEX ON archived_slices (month, part);
COMMENT ON TABLE archived_slices IS 'One row per slice (listener and UTC month) whose plays lie in the archive, and nowhere else.';
COMMENT ON COLUMN archived_slices.play_count IS 'its listening events';
COMMENT ON COLUMN archived_slices.total_ms IS 'milliseconds of its listening events';
COMMENT ON COLUMN archived_slices.has_account_data IS 'account data is among its imported plays';

-- Account data is told by names, and a search may find later which track they mean.
CREATE TABLE archived_names (
    export_track_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    month           date NOT NULL,
    PRIMARY KEY (export_track_id, user_id, month),
    FOREIGN KEY (user_id, month) REFERENCES archived_slices ON DELETE CASCADE
);
CREATE INDEX ON archived_names (user_id, month);
COMMENT ON TABLE archived_names IS 'One row per archived slice and names of account data in it.';

CREATE TABLE archive_leftovers (
    folder       text PRIMARY KEY,
    remove_after timestamptz NOT NULL
);
COMMENT ON TABLE archive_leftovers IS 'One row per folder of the archive that nothing needs: an export that broke off, or a part of which all plays came back.';

CREATE TABLE month_holds (
    month      date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    held_until timestamptz NOT NULL
);
COMMENT ON TABLE month_holds IS 'One row per month that somebody brought back: it is not archived again before the time is up.';

CREATE OR REPLACE FUNCTION has_matchable_plays(of_user bigint, in_month date) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM polled_plays
                   WHERE user_id = of_user AND played_at >= in_month::timestamp AT TIME ZONE 'UTC'
                     AND played_at < (in_month + interval '1 month') AT TIME ZONE 'UTC')
        OR EXISTS (SELECT FROM imported_plays
                   WHERE user_id = of_user AND context_id IS NULL AND played_at >= in_month::timestamp AT TIME ZONE 'UTC'
                     AND played_at < (in_month + interval '1 month') AT TIME ZONE 'UTC')
        OR EXISTS (SELECT FROM archived_slices
                   WHERE user_id = of_user AND month = in_month AND (has_account_data OR polled_plays > 0));
