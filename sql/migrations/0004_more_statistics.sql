-- More statistics of the same plays: when each track was first played.
--
-- What the new columns and tables need of a play is not in the statistics that a warehouse has. So every user-month is
-- invalidated: the next run of the statistics fills them from the events, and restores those that are archived.

-- Until then a track's first play is known no closer than by its latest one. A column whose type changes is written
-- without leaving dead rows behind.
ALTER TABLE user_track_months ADD COLUMN first_played_at timestamptz;
ALTER TABLE user_track_months ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at;
ALTER TABLE user_track_months ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_months.first_played_at IS 'end of the first play in the month';

ALTER TABLE user_track_stats ADD COLUMN first_played_at timestamptz;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_stats.first_played_at IS 'end of the first play';

INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
ON CONFLICT DO NOTHING;
