-- An export of MYI tells polled plays, too. Read again, they land beside those of other files: a row without a context
-- whose start is not known.
COMMENT ON TABLE imported_plays IS
    'One row per distinct track row of a user''s exports, short plays included, per play that a program submitted, and '
    'per polled play that an export of MYI tells. One partition per UTC month.';
COMMENT ON COLUMN imported_plays.ms_played IS
    'milliseconds heard; NULL in account data of before December 2018, which gives no length, and where a submission '
    'does not tell it; of a polled play the length of the track';
COMMENT ON COLUMN imported_plays.context_id IS
    'play_contexts.id; NULL marks account data, which gives times to the minute and names only, and submitted and '
    'polled plays';
COMMENT ON COLUMN imported_plays.elapsed_s IS
    'whole seconds from the true start (offline_timestamp, listened_at) to played_at: a paused play lasts longer than '
    'ms_played; NULL where no start is given; -1: an offline play without a start, so played_at is when it was '
    'uploaded, or without a context a polled play; 0: a submitted play whose length is not told';

CREATE OR REPLACE VIEW submitted_plays AS
SELECT p.user_id, p.played_at - p.elapsed_s * interval '1 second' AS listened_at, p.played_at, p.ms_played,
       e.track_name, e.artist_name, e.album_name, e.spotify_id, job.file_name AS submitted_by
FROM imported_plays AS p
JOIN export_tracks AS e ON e.id = p.export_track_id
LEFT JOIN import_jobs AS job ON job.id = p.job_id
WHERE p.context_id IS NULL AND p.elapsed_s >= 0;
