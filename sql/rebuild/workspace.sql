-- Temporary tables in which one month of many users is derived. The session empties them before it fills them.

-- One row per user whose user-month is derived here.
CREATE TEMPORARY TABLE IF NOT EXISTS derived_user_months (
    user_id bigint NOT NULL
);

-- One row per event that these user-months should have. was_played_at: instant of the same play while it was only
-- polled.
CREATE TEMPORARY TABLE IF NOT EXISTS month_events (
    user_id       bigint NOT NULL,
    track_id      bigint NOT NULL,
    played_at     timestamptz NOT NULL,
    ms_played     integer NOT NULL,
    source        source NOT NULL,
    is_estimated  boolean NOT NULL,
    was_played_at timestamptz
);

-- One row per event that moves to the instant of an extended row.
CREATE TEMPORARY TABLE IF NOT EXISTS moved_events (
    id        bigint NOT NULL,
    played_at timestamptz NOT NULL
);
