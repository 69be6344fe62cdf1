-- Temporary tables for one upload: one row per play, track and context. Tracks and contexts have the reader's numbers.
CREATE TEMPORARY TABLE staged_plays (
    track_no   integer NOT NULL,
    context_no integer,
    stopped_at timestamptz NOT NULL,
    played_at  timestamptz NOT NULL,
    ms_played  integer,
    elapsed_s  integer,
    month      date NOT NULL -- of played_at, UTC
);

CREATE TEMPORARY TABLE staged_tracks (
    track_no    integer NOT NULL,
    spotify_id  text,
    track_name  text,
    artist_name text,
    album_name  text,
    kind        content_kind NOT NULL,
    fingerprint uuid GENERATED ALWAYS AS (export_track_fingerprint(
        kind, spotify_id, track_name, artist_name, album_name)) STORED
);

CREATE TEMPORARY TABLE staged_contexts (
    context_no   integer NOT NULL,
    platform     text,
    country      text,
    reason_start text,
    reason_end   text,
    shuffle      boolean,
    skipped      boolean,
    offline      boolean,
    incognito    boolean,
    fingerprint  uuid GENERATED ALWAYS AS (play_context_fingerprint(
        platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)) STORED
);
