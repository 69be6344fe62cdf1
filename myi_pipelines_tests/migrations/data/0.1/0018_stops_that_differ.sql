-- When an export says that a play stopped is kept where that is not its end: of plays on devices that were offline, a few in a
-- hundred. A NULL takes no room.
ALTER TABLE imported_plays DROP CONSTRAINT imported_plays_pkey;
ALTER TABLE imported_plays
    ALTER COLUMN stopped_at DROP NOT NULL,
    ALTER COLUMN stopped_at TYPE timestamptz USING nullif(stopped_at, played_at),
    ADD CONSTRAINT stopped_at_differs CHECK (stopped_at <> played_at);
CREATE UNIQUE INDEX imported_plays_identity ON imported_plays (user_id, played_at, export_track_id, ms_played, stopped_at)
    NULLS NOT DISTINCT;
COMMENT ON COLUMN imported_plays.played_at IS 'end of the play (UTC): for offline plays by the device''s clock, at the start + ms_played';
COMMENT ON COLUMN imported_plays.stopped_at IS 'the export''s own ts (UTC) where that is not played_at: for offline plays the time of upload';
