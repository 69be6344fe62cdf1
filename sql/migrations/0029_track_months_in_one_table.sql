-- user_track_months becomes one table instead of one partition a month. Questions about a listener read many months of
-- few rows: they follow one index, where planning and opening each month took longer than reading it.

ALTER TABLE user_track_months RENAME TO track_months_by_partition;
ALTER INDEX user_track_months_pkey RENAME TO track_months_by_partition_pkey;

CREATE TABLE user_track_months (
    user_id         bigint NOT NULL,
    track_id        bigint NOT NULL,
    total_ms        bigint NOT NULL,
    last_played_at  timestamptz NOT NULL,
    month           date NOT NULL,
    play_count      integer NOT NULL,
    first_played_at timestamptz NOT NULL,
    ms_played       integer[]
) WITH (autovacuum_vacuum_scale_factor = 0.01);

INSERT INTO user_track_months (user_id, track_id, total_ms, last_played_at, month, play_count, first_played_at,
                               ms_played)
SELECT user_id, track_id, total_ms, last_played_at, month, play_count, first_played_at, ms_played
FROM track_months_by_partition
ORDER BY user_id, month, track_id;

ALTER TABLE user_track_months
    -- Rows of past months do not change, and those of the latest come at the end of each user's.
    ADD PRIMARY KEY (user_id, month, track_id) WITH (fillfactor = 100),
    ADD CHECK (play_count > 0),
    ADD CHECK (total_ms > 0);

COMMENT ON TABLE user_track_months IS
    'One row per user, UTC month and track: what the month adds to user_track_stats.';
COMMENT ON COLUMN user_track_months.user_id IS 'users.id; a trigger deletes the rows of a deleted user';
COMMENT ON COLUMN user_track_months.track_id IS 'tracks.id';
COMMENT ON COLUMN user_track_months.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_track_months.last_played_at IS 'end of the latest play in the month';
COMMENT ON COLUMN user_track_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_track_months.play_count IS 'number of plays';
COMMENT ON COLUMN user_track_months.first_played_at IS 'end of the first play in the month';
COMMENT ON COLUMN user_track_months.ms_played IS
    'milliseconds of each play, ascending, estimated ones left out; NULL where total_ms is that of the only play';

-- The views keep their definitions, comments and privileges, and read the new table.
DO $$
DECLARE
    reading record;
BEGIN
    FOR reading IN
        SELECT DISTINCT v.oid::regclass AS name, replace(pg_get_viewdef(v.oid), 'track_months_by_partition',
                                                         'user_track_months') AS definition
        FROM pg_depend AS d
        JOIN pg_rewrite AS r ON r.oid = d.objid
        JOIN pg_class AS v ON v.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = 'track_months_by_partition'::regclass
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', reading.name, reading.definition);
    END LOOP;
END $$;

DROP TABLE track_months_by_partition;
