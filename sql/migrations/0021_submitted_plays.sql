-- Plays that programs submit land beside those of exports: a row without a context that tells its start.
ALTER TYPE source ADD VALUE 'SUBMISSION';

COMMENT ON TYPE source IS
    'Where a listening event comes from: polled from Spotify''s API, read from an export, or submitted by a program.';
COMMENT ON TABLE imported_plays IS
    'One row per distinct track row of a user''s exports, short plays included, and per play that a program submitted. '
    'One partition per UTC month.';
COMMENT ON COLUMN imported_plays.played_at IS
    'end of the play; for offline plays by the clock of the device: its start + ms_played; of a submitted play whose '
    'length is not told, its start';
COMMENT ON COLUMN imported_plays.stopped_at IS
    'the time that the source gives: the end as the export says, for offline plays the time of upload, the start of a '
    'submitted play; NULL where it equals played_at';
COMMENT ON COLUMN imported_plays.ms_played IS
    'milliseconds heard; NULL in account data of before December 2018, which gives no length, and where a submission '
    'does not tell it';
COMMENT ON COLUMN imported_plays.context_id IS
    'play_contexts.id; NULL marks account data, which gives times to the minute and names only, and submitted plays';
COMMENT ON COLUMN imported_plays.elapsed_s IS
    'whole seconds from the true start (offline_timestamp, listened_at) to played_at: a paused play lasts longer than '
    'ms_played; NULL where no start is given; -1: an offline play without a start, so played_at is when it was '
    'uploaded; 0: a submitted play whose length is not told';
COMMENT ON COLUMN export_tracks.spotify_id IS
    'Spotify id of the track, episode or chapter; NULL in account data, for local files and in most submitted plays';

CREATE VIEW submitted_plays AS
SELECT p.user_id, p.played_at - p.elapsed_s * interval '1 second' AS listened_at, p.played_at, p.ms_played,
       e.track_name, e.artist_name, e.album_name, e.spotify_id, job.file_name AS submitted_by
FROM imported_plays AS p
JOIN export_tracks AS e ON e.id = p.export_track_id
LEFT JOIN import_jobs AS job ON job.id = p.job_id
WHERE p.context_id IS NULL AND p.elapsed_s IS NOT NULL;

COMMENT ON VIEW submitted_plays IS
    'One row per play that a program or a file of another service told: those of imported_plays that tell their start '
    'and no context.';
COMMENT ON COLUMN submitted_plays.user_id IS 'users.id';
COMMENT ON COLUMN submitted_plays.listened_at IS 'start of the play, as it was told';
COMMENT ON COLUMN submitted_plays.played_at IS 'end of the play; its start where no length was told';
COMMENT ON COLUMN submitted_plays.ms_played IS 'milliseconds heard; NULL where that was not told';
COMMENT ON COLUMN submitted_plays.track_name IS 'name of the track, as it was told';
COMMENT ON COLUMN submitted_plays.artist_name IS 'name of the artist or artists, as it was told';
COMMENT ON COLUMN submitted_plays.album_name IS 'name of the album; NULL if not told';
COMMENT ON COLUMN submitted_plays.spotify_id IS 'Spotify id of the track; NULL if not told';
COMMENT ON COLUMN submitted_plays.submitted_by IS 'file or program that told the play first';
