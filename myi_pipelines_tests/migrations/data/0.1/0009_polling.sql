-- Polling: who is polled when, and where plays may be missing. Top lists: what Spotify listed on which day.

ALTER TABLE users ADD COLUMN last_active_at timestamptz;
COMMENT ON COLUMN users.last_active_at IS 'when the listener last opened a page or ran a command';

CREATE TABLE poll_states (
    user_id              bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    last_polled_at       timestamptz NOT NULL,
    next_poll_at         timestamptz NOT NULL,
    last_success_at      timestamptz,
    last_played_at       timestamptz,
    seconds_per_play     real CHECK (seconds_per_play > 0),
    consecutive_failures integer NOT NULL DEFAULT 0 CHECK (consecutive_failures >= 0),
    last_error           text
);
COMMENT ON TABLE poll_states IS 'One row per linked listener who was polled.';
COMMENT ON COLUMN poll_states.last_polled_at IS 'when the last poll began, whatever came of it';
COMMENT ON COLUMN poll_states.next_poll_at IS 'not due before; moved before the call is made, so that nobody else makes it too';
COMMENT ON COLUMN poll_states.last_played_at IS 'end of the latest play that a poll showed';
COMMENT ON COLUMN poll_states.seconds_per_play IS 'the fastest recent pace: seconds from play to play';
COMMENT ON COLUMN poll_states.last_error IS 'why the last poll failed; NULL after one that did not';

CREATE TABLE possible_gaps (
    user_id  bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    after    timestamptz NOT NULL,
    before   timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, before),
    CHECK (after < before)
);
CREATE INDEX ON possible_gaps (user_id, found_at DESC);
COMMENT ON TABLE possible_gaps IS 'One row per stretch in which plays may be missing: a full page of new plays did not reach back to known ones.';
COMMENT ON COLUMN possible_gaps.after IS 'end of the latest play that was known before the stretch';
COMMENT ON COLUMN possible_gaps.before IS 'end of the earliest play of the page';

CREATE TABLE spotify_top_track_history (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    term       term NOT NULL,
    listed_on  date NOT NULL,
    rank       smallint NOT NULL CHECK (rank BETWEEN 1 AND 50),
    spotify_id text NOT NULL,
    PRIMARY KEY (user_id, term, listed_on, rank)
);
COMMENT ON TABLE spotify_top_track_history IS 'One row per listener, term, UTC day and rank of Spotify''s top tracks, as listed last on that day.';
COMMENT ON COLUMN spotify_top_track_history.spotify_id IS 'as Spotify listed it: tracks.spotify_id or one of track_aliases';

CREATE TABLE spotify_top_artist_history (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    term       term NOT NULL,
    listed_on  date NOT NULL,
    rank       smallint NOT NULL CHECK (rank BETWEEN 1 AND 50),
    spotify_id text NOT NULL,
    PRIMARY KEY (user_id, term, listed_on, rank)
);
COMMENT ON TABLE spotify_top_artist_history IS 'One row per listener, term, UTC day and rank of Spotify''s top artists, as listed last on that day.';
