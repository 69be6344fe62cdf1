-- Tokens end on days that there are. Ends of any year were taken once, and no program could read a row that had one:
-- the settings showed no token, and a download of all data failed.

UPDATE api_tokens
SET expires_at = least(greatest(expires_at, created_at), created_at + interval '36525 days')
WHERE expires_at NOT BETWEEN created_at AND created_at + interval '36525 days';

ALTER TABLE api_tokens
    ADD CHECK (expires_at BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 00:00:00+00');

-- What sources say is "given" in all texts.

COMMENT ON TYPE context_dimension IS
    'In what respect ways of listening differ. SKIP: for less than 30 seconds; SHARE_HEARD: how much of the track.';
COMMENT ON COLUMN user_context_months.dimension IS 'in what respect';
COMMENT ON COLUMN user_context_stats.dimension IS 'in what respect';
COMMENT ON COLUMN imported_plays.played_at IS
    'end of the play; for offline plays by the clock of the device: its start + ms_played; of a submitted play without '
    'a length, its start';
COMMENT ON COLUMN imported_plays.elapsed_s IS
    'whole seconds from the true start (offline_timestamp, listened_at) to played_at: a paused play lasts longer than '
    'ms_played; NULL where no start is given; -1: an offline play without a start, so played_at is when it was '
    'uploaded, or without a context a polled play; 0: a submitted play without a length';
COMMENT ON COLUMN musicbrainz_objects.payload IS
    'name; genres, each with its votes; albums with the dates of their first release, where Spotify lacks dates; '
    'recordings with their lengths, where Spotify lacks lengths';
COMMENT ON TABLE import_job_duplicates IS
    'One row per import job and UTC month of which it has rows that another import had landed before.';
COMMENT ON VIEW submitted_plays IS
    'One row per play that a program or a file of another service gave: those of imported_plays with their start and '
    'without a context.';
COMMENT ON COLUMN submitted_plays.listened_at IS 'start of the play, as given';
COMMENT ON COLUMN submitted_plays.played_at IS 'end of the play; its start where no length is given';
COMMENT ON COLUMN submitted_plays.ms_played IS 'milliseconds heard; NULL where not given';
COMMENT ON COLUMN submitted_plays.track_name IS 'name of the track, as given';
COMMENT ON COLUMN submitted_plays.artist_name IS 'name of the artist or artists, as given';
COMMENT ON COLUMN submitted_plays.album_name IS 'name of the album; NULL if not given';
COMMENT ON COLUMN submitted_plays.spotify_id IS 'Spotify id of the track; NULL if not given';
COMMENT ON COLUMN submitted_plays.submitted_by IS 'file or program that gave the play first';
COMMENT ON TABLE undone_plays IS
    'One row per row of imported_plays that only undone imports hold; it goes back when one of them is taken back.';
