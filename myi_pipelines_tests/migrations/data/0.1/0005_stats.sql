-- Statistics: exact, derived from listening_events by slices (user and UTC month), in the user's time zone.

-- What one month contributed to user_track_stats.
CREATE TABLE user_track_months (
    user_id        bigint NOT NULL,
    month          date NOT NULL,
    track_id       bigint NOT NULL,
    play_count     integer NOT NULL CHECK (play_count > 0),
    total_ms       bigint NOT NULL CHECK (total_ms > 0),
    last_played_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, month, track_id)
) PARTITION BY RANGE (month);
-- Stands in for keys to users, whose check of every row would be a third of the cost of writing it.
CREATE FUNCTION forget_user() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM imported_plays WHERE user_id = OLD.id;
    DELETE FROM user_track_months WHERE user_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_user AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION forget_user();
COMMENT ON TABLE user_track_months IS 'One row per listener, UTC month and track: what the month contributed to user_track_stats.';

-- What one month contributed to user_hour_stats.
CREATE TABLE user_hour_months (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    month      date NOT NULL,
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    play_count integer NOT NULL CHECK (play_count > 0),
    total_ms   bigint NOT NULL CHECK (total_ms > 0),
    PRIMARY KEY (user_id, month, hour)
);
COMMENT ON TABLE user_hour_months IS 'One row per listener, UTC month and local hour: what the month contributed to user_hour_stats.';

CREATE TABLE user_track_stats (
    user_id        bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    track_id       bigint NOT NULL REFERENCES tracks,
    play_count     bigint NOT NULL CHECK (play_count > 0),
    total_ms       bigint NOT NULL CHECK (total_ms > 0),
    last_played_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, track_id)
);
CREATE INDEX user_track_stats_top ON user_track_stats (user_id, play_count DESC);
CREATE INDEX ON user_track_stats (track_id);
COMMENT ON TABLE user_track_stats IS 'One row per listener and track they ever played: all-time counts.';

CREATE TABLE user_artist_stats (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    artist_id  bigint NOT NULL REFERENCES artists,
    play_count bigint NOT NULL CHECK (play_count > 0),
    total_ms   bigint NOT NULL CHECK (total_ms > 0),
    PRIMARY KEY (user_id, artist_id)
);
CREATE INDEX user_artist_stats_top ON user_artist_stats (user_id, play_count DESC);
CREATE INDEX ON user_artist_stats (artist_id);
COMMENT ON TABLE user_artist_stats IS 'One row per listener and artist they ever played: all-time counts.';

CREATE TABLE user_time_bucket_stats (
    user_id       bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    bucket_type   bucket_type NOT NULL,
    bucket_date   date NOT NULL,
    play_count    integer NOT NULL CHECK (play_count > 0),
    total_ms      bigint NOT NULL CHECK (total_ms > 0),
    unique_tracks integer NOT NULL CHECK (unique_tracks > 0),
    PRIMARY KEY (user_id, bucket_type, bucket_date)
);
COMMENT ON TABLE user_time_bucket_stats IS 'One row per listener and local day, ISO week or month in which they played something.';
COMMENT ON COLUMN user_time_bucket_stats.bucket_date IS 'first day of the bucket in the listener''s time zone; weeks begin on Monday';
COMMENT ON COLUMN user_time_bucket_stats.unique_tracks IS 'distinct tracks played in the bucket';

CREATE TABLE user_hour_stats (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    play_count bigint NOT NULL CHECK (play_count > 0),
    total_ms   bigint NOT NULL CHECK (total_ms > 0),
    PRIMARY KEY (user_id, hour)
);
COMMENT ON TABLE user_hour_stats IS 'One row per listener and hour of the local day in which they ever played something: at most 24.';
