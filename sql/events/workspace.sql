-- Temporary tables in which one user-month at a time is derived. The session empties them before it fills them.

-- One row per event that the user-month should have.
CREATE TEMPORARY TABLE IF NOT EXISTS desired_events (
    track_id     bigint NOT NULL,
    played_at    timestamptz NOT NULL,
    ms_played    integer NOT NULL,
    source       source NOT NULL,
    is_estimated boolean NOT NULL,
    context_id   integer
);

-- One row per distinct row of the extended history that counts, in and around the user-month; episodes and chapters
-- too.
CREATE TEMPORARY TABLE IF NOT EXISTS extended_plays (
    row_no      integer NOT NULL,
    user_id     bigint NOT NULL,
    track_id    bigint, -- NULL: not music
    song_id     bigint NOT NULL,
    played_at   timestamptz NOT NULL,
    ms_played   integer NOT NULL,
    stopped_at  timestamptz NOT NULL,
    elapsed_s   integer,
    context_id  integer,
    track_name  text,
    artist_name text,
    album_name  text,
    is_used     boolean NOT NULL DEFAULT false -- has the play of an account-data row
);

-- One row per play that the extended history tells; before_at: end of the play that it tells before.
CREATE TEMPORARY TABLE IF NOT EXISTS streams (
    stream_no  integer NOT NULL,
    track_id   bigint NOT NULL,
    song_id    bigint NOT NULL,
    played_at  timestamptz NOT NULL,
    ms_played  integer NOT NULL,
    stopped_at timestamptz NOT NULL,
    elapsed_s  integer,
    context_id integer,
    before_at  timestamptz
);

-- One row per account-data play with a length.
CREATE TEMPORARY TABLE IF NOT EXISTS account_plays (
    account_no  integer NOT NULL,
    track_id    bigint NOT NULL,
    song_id     bigint NOT NULL,
    played_at   timestamptz NOT NULL,
    ms_played   integer NOT NULL,
    track_name  text,
    artist_name text,
    title       uuid,
    is_matched  boolean NOT NULL DEFAULT false -- with a row of a better source
);

-- One row per shown play that no extended row tells.
CREATE TEMPORARY TABLE IF NOT EXISTS shown_events (
    shown_no     integer NOT NULL,
    track_id     bigint NOT NULL,
    played_at    timestamptz NOT NULL,
    ms_played    integer NOT NULL,
    source       source NOT NULL,
    is_estimated boolean NOT NULL
);

-- One row per place at which an event was while its play was only shown: the stream or shown event that it is now.
CREATE TEMPORARY TABLE IF NOT EXISTS former_places (
    track_id   bigint NOT NULL,
    played_at  timestamptz NOT NULL,
    is_shown   boolean NOT NULL, -- false: a place that account data may have given it
    stream_no  integer,
    shown_no   integer
);

-- One row per event in and around the user-month, when several sources have plays.
CREATE TEMPORARY TABLE IF NOT EXISTS placed_events (
    track_id     bigint NOT NULL,
    played_at    timestamptz NOT NULL,
    ms_played    integer NOT NULL,
    source       source NOT NULL,
    is_estimated boolean NOT NULL,
    context_id   integer,
    stream_no    integer,
    shown_no     integer
);

-- One row per event that the user-month would have if corrections did not hide it.
CREATE TEMPORARY TABLE IF NOT EXISTS hidden_events (
    track_id  bigint NOT NULL,
    ms_played integer NOT NULL
);
