-- Temporary tables in which one month of many listeners is derived; who fills them empties them first.

-- One row per listener whose slice of the month is derived here.
CREATE TEMPORARY TABLE IF NOT EXISTS derived_user_months (
    user_id bigint NOT NULL
);

-- One row per event that these slices should have. was_played_at: where the same play was, as long as only a poll told it.
CREATE TEMPORARY TABLE IF NOT EXISTS month_events (
    user_id       bigint NOT NULL,
    track_id      bigint NOT NULL,
    played_at     timestamptz NOT NULL,
    ms_played     integer NOT NULL,
    source        source NOT NULL,
    is_estimated  boolean NOT NULL,
    was_played_at timestamptz
);

-- One row per event that moves to the instant that an extended row tells.
CREATE TEMPORARY TABLE IF NOT EXISTS moved_events (
    id        bigint NOT NULL,
    played_at timestamptz NOT NULL
);
