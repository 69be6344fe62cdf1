-- Temporary tables in which one month of many users is derived. The session empties them before it fills them.

-- One row per user whose user-month is derived here.
CREATE TEMPORARY TABLE IF NOT EXISTS derived_user_months (
    user_id bigint NOT NULL
);

-- One row per event that these user-months should have, if they have plays of several sources.
CREATE TEMPORARY TABLE IF NOT EXISTS month_events (
    user_id      bigint NOT NULL,
    track_id     bigint NOT NULL,
    played_at    timestamptz NOT NULL,
    ms_played    integer NOT NULL,
    source       source NOT NULL,
    is_estimated boolean NOT NULL,
    context_id   integer
);

-- One row per event whose play has another track or instant now than while it was only shown.
CREATE TEMPORARY TABLE IF NOT EXISTS moved_events (
    id        bigint NOT NULL,
    track_id  bigint NOT NULL,
    played_at timestamptz NOT NULL
);
