-- Temporary tables in which several plain months of a user are derived. The session empties them before it fills them.

-- One row per event that the months should have.
CREATE TEMPORARY TABLE IF NOT EXISTS plain_events (
    track_id   bigint NOT NULL,
    played_at  timestamptz NOT NULL,
    ms_played  integer NOT NULL,
    context_id integer
);
CREATE INDEX IF NOT EXISTS plain_events_played_at ON plain_events (played_at);

-- One row per play that is not music and that the months should have.
CREATE TEMPORARY TABLE IF NOT EXISTS plain_episodes (
    user_id         bigint NOT NULL,
    played_at       timestamptz NOT NULL,
    export_track_id bigint NOT NULL,
    ms_played       integer NOT NULL,
    kind            content_kind NOT NULL,
    context_id      integer
);
