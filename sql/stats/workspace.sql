-- Temporary tables in which statistics of some listeners are recomputed; who fills them empties them first.

-- One row per listener and track with a difference: by how much, the latest play now told, and whether the latest play may be gone.
CREATE TEMPORARY TABLE IF NOT EXISTS changed_tracks (
    user_id        bigint NOT NULL,
    track_id       bigint NOT NULL,
    play_count     bigint NOT NULL,
    total_ms       bigint NOT NULL,
    last_played_at timestamptz,
    has_lost_last  boolean NOT NULL
);

-- One row per listener and artist to be recomputed.
CREATE TEMPORARY TABLE IF NOT EXISTS touched_artists (
    user_id   bigint NOT NULL,
    artist_id bigint NOT NULL
);

-- One row per listener and local day, week or month that overlaps a stale slice: what the events say.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_buckets (
    user_id       bigint NOT NULL,
    bucket_type   bucket_type NOT NULL,
    bucket_date   date NOT NULL,
    play_count    integer NOT NULL,
    total_ms      bigint NOT NULL,
    unique_tracks integer NOT NULL
);

-- One row per listener, UTC month and local hour: what the events say.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_hour_months (
    user_id    bigint NOT NULL,
    month      date NOT NULL,
    hour       smallint NOT NULL,
    play_count integer NOT NULL,
    total_ms   bigint NOT NULL
);

-- One row per listener, month that begins and track: what the events say.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_month_edges (
    user_id    bigint NOT NULL,
    month      date NOT NULL,
    track_id   bigint NOT NULL,
    play_count integer NOT NULL,
    total_ms   bigint NOT NULL
);
