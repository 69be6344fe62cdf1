-- Temporary tables in which one user-month at a time is derived. The session empties them before it fills them.

-- One row per event that the user-month should have.
CREATE TEMPORARY TABLE IF NOT EXISTS desired_events (
    track_id     bigint NOT NULL,
    played_at    timestamptz NOT NULL,
    ms_played    integer NOT NULL,
    source       source NOT NULL,
    is_estimated boolean NOT NULL
);

-- One row per account-data play, in and around the user-month, that no extended row has more exactly.
CREATE TEMPORARY TABLE IF NOT EXISTS surviving_account_plays (
    track_id   bigint NOT NULL,
    track_key  uuid NOT NULL,
    artist_key uuid NOT NULL,
    played_at  timestamptz NOT NULL,
    ms_played  integer NOT NULL
);

-- One row per polled play, in and around the user-month.
CREATE TEMPORARY TABLE IF NOT EXISTS candidate_polled_plays (
    track_id   bigint NOT NULL,
    track_key  uuid,
    artist_key uuid,
    spotify_id text NOT NULL,
    played_at  timestamptz NOT NULL,
    ms_played  integer NOT NULL
);

-- One row per polled play and export row that may be the same play; lower ranks are nearer.
CREATE TEMPORARY TABLE IF NOT EXISTS candidate_pairs (
    rank               integer NOT NULL,
    pass               smallint NOT NULL,
    polled_track_id    bigint NOT NULL,
    polled_played_at   timestamptz NOT NULL,
    exported_track_id  bigint NOT NULL,
    exported_played_at timestamptz NOT NULL,
    ms_played          integer NOT NULL
);

-- One row per polled play that is the same play as an export row. Of account data (by_minute), only the length is
-- taken.
CREATE TEMPORARY TABLE IF NOT EXISTS matched_plays (
    by_minute          boolean NOT NULL,
    polled_track_id    bigint NOT NULL,
    polled_played_at   timestamptz NOT NULL,
    exported_track_id  bigint NOT NULL,
    exported_played_at timestamptz NOT NULL,
    ms_played          integer NOT NULL
);
