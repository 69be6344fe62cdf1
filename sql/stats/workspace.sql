-- Temporary tables in which statistics of some users are recomputed. The session empties them before it fills them.

-- One row per user and track with a difference: how large it is, the first and the latest play of the recomputed
-- months, and whether the first or the latest play of all may be gone.
CREATE TEMPORARY TABLE IF NOT EXISTS changed_tracks (
    user_id                bigint NOT NULL,
    track_id               bigint NOT NULL,
    play_count             bigint NOT NULL,
    total_ms               bigint NOT NULL,
    first_played_at        timestamptz,
    last_played_at         timestamptz,
    has_lost_first_or_last boolean NOT NULL
);

-- One row per user and artist to be recomputed.
CREATE TEMPORARY TABLE IF NOT EXISTS touched_artists (
    user_id   bigint NOT NULL,
    artist_id bigint NOT NULL
);

-- One row per user and song to be summed.
CREATE TEMPORARY TABLE IF NOT EXISTS touched_songs (
    user_id bigint NOT NULL,
    song_id bigint NOT NULL
);

-- One row per user and album to be recomputed; the album 0 is that of tracks without one.
CREATE TEMPORARY TABLE IF NOT EXISTS touched_albums (
    user_id  bigint NOT NULL,
    album_id bigint NOT NULL
);

-- One row per user and local day, week or month that overlaps a recomputed month: what the events say.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_buckets (
    user_id       bigint NOT NULL,
    bucket_type   bucket_type NOT NULL,
    bucket_date   date NOT NULL,
    play_count    integer NOT NULL,
    total_ms      bigint NOT NULL,
    unique_tracks integer NOT NULL
);

-- One row per user and UTC month: in which hours of the local week the events say that plays ended.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_hour_months (
    user_id     bigint NOT NULL,
    month       date NOT NULL,
    week_hours  smallint[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms    bigint[] NOT NULL
);

-- One row per user, local weekday and hour in which the recomputed months differ from what is known: how much.
CREATE TEMPORARY TABLE IF NOT EXISTS changed_hours (
    user_id    bigint NOT NULL,
    weekday    smallint NOT NULL,
    hour       smallint NOT NULL,
    play_count bigint NOT NULL,
    total_ms   bigint NOT NULL
);

-- One row per user, dimension and value in which the recomputed months differ from what is known: how much.
CREATE TEMPORARY TABLE IF NOT EXISTS changed_contexts (
    user_id    bigint NOT NULL,
    dimension  context_dimension NOT NULL,
    value      text NOT NULL,
    play_count bigint NOT NULL,
    total_ms   bigint NOT NULL
);

-- One row per user and UTC month: in which contexts the events say that plays were heard.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_month_contexts (
    user_id     bigint NOT NULL,
    month       date NOT NULL,
    skip_count  integer NOT NULL,
    skip_ms     bigint NOT NULL,
    context_ids integer[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms    bigint[] NOT NULL
);

-- One row per user, month that begins and track: what the events say.
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_month_edges (
    user_id    bigint NOT NULL,
    month      date NOT NULL,
    track_id   bigint NOT NULL,
    play_count integer NOT NULL,
    total_ms   bigint NOT NULL
);
