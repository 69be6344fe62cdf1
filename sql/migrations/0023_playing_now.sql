-- What programs say is playing now. It is no play yet: that is submitted when it was heard.

CREATE TABLE playing_now (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    track_metadata jsonb NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL
);
COMMENT ON TABLE playing_now IS 'One row per user of whom a program has said what is playing, until it says more.';
COMMENT ON COLUMN playing_now.user_id IS 'users.id';
COMMENT ON COLUMN playing_now.track_metadata IS
'what the program says of it, as ListenBrainz calls the fields: track_name, artist_name, release_name, additional_info';
COMMENT ON COLUMN playing_now.since IS 'when the program said so first';
COMMENT ON COLUMN playing_now.ends_at IS 'when it is over: after its length, or ten minutes where none is known';
