-- Temporary tables in which plays that are not music are derived. The session empties them before it fills them.

-- One row per distinct row of the extended history that counts, in and around the user-months.
CREATE TEMPORARY TABLE IF NOT EXISTS extended_episodes (
    row_no          integer NOT NULL,
    user_id         bigint NOT NULL,
    content_id      bigint NOT NULL,
    names_key       text, -- NULL: names nothing that account data would name, too
    kind            content_kind NOT NULL,
    export_track_id bigint NOT NULL,
    played_at       timestamptz NOT NULL,
    ms_played       integer NOT NULL,
    stopped_at      timestamptz NOT NULL,
    elapsed_s       integer,
    context_id      integer,
    names           text[] NOT NULL, -- as given
    is_used         boolean NOT NULL DEFAULT false, -- has the play of an account-data row
    is_replaced     boolean NOT NULL DEFAULT false -- by a row that names what was played
);

-- One row per account-data play.
CREATE TEMPORARY TABLE IF NOT EXISTS account_episodes (
    account_no      integer NOT NULL,
    names_key       text,
    kind            content_kind NOT NULL,
    export_track_id bigint NOT NULL,
    played_at       timestamptz NOT NULL,
    ms_played       integer NOT NULL,
    names           text[] NOT NULL, -- as given
    is_matched      boolean NOT NULL DEFAULT false -- with a row of a better source
);

-- One row per play that the user-months should have.
CREATE TEMPORARY TABLE IF NOT EXISTS desired_episodes (
    user_id         bigint NOT NULL,
    played_at       timestamptz NOT NULL,
    export_track_id bigint NOT NULL,
    ms_played       integer NOT NULL,
    kind            content_kind NOT NULL,
    context_id      integer
);
