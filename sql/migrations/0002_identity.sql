-- What the rules of identity need of a play: its true start, whether it can be dated at all, which import told it, and
-- how it was heard.

CREATE TYPE content_kind AS ENUM ('TRACK', 'EPISODE', 'CHAPTER', 'VIDEO', 'UNIDENTIFIED');
COMMENT ON TYPE content_kind IS
    'What an export row played: music, an episode of a podcast, a chapter of an audiobook, a video, or nothing named.';

-- Equal to what it was for music, so that names that landed before stay what they are.
CREATE FUNCTION export_track_fingerprint(
    kind content_kind, spotify_id text, track_name text, artist_name text, album_name text
) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(CASE kind WHEN 'TRACK' THEN '' WHEN 'EPISODE' THEN 'E' WHEN 'CHAPTER' THEN 'C' WHEN 'VIDEO' THEN 'V'
                         ELSE 'U' END
               || coalesce(md5(spotify_id), '-') || coalesce(md5(track_name), '-')
               || coalesce(md5(artist_name), '-') || coalesce(md5(album_name), '-'))::uuid;
COMMENT ON FUNCTION export_track_fingerprint(content_kind, text, text, text, text) IS
    'Identity of a row of export_tracks.';

ALTER TABLE export_tracks ADD COLUMN kind content_kind NOT NULL DEFAULT 'TRACK';
ALTER TABLE export_tracks
    ALTER COLUMN fingerprint
    SET EXPRESSION AS (export_track_fingerprint(kind, spotify_id, track_name, artist_name, album_name));
DROP FUNCTION export_track_fingerprint(text, text, text, text);
ALTER TABLE export_tracks DROP CONSTRAINT export_tracks_check;
ALTER TABLE export_tracks ADD CONSTRAINT export_tracks_names_something CHECK
    (kind <> 'TRACK' OR spotify_id IS NOT NULL OR (track_name IS NOT NULL AND artist_name IS NOT NULL));
COMMENT ON TABLE export_tracks IS
    'One row per distinct combination of kind, Spotify id and names that exports give what was played.';
COMMENT ON COLUMN export_tracks.kind IS 'what was played: music (TRACK) or something else';
COMMENT ON COLUMN export_tracks.spotify_id IS
    'Spotify id of the track, episode or chapter; NULL in account data and for local files';
COMMENT ON COLUMN export_tracks.track_name IS 'name of the track, episode or chapter; NULL if not given';
COMMENT ON COLUMN export_tracks.artist_name IS
    'name of the album artist, of the podcast''s show, or of the audiobook''s author; NULL if not given';
COMMENT ON COLUMN export_tracks.album_name IS 'name of the album or audiobook; NULL if not given';
COMMENT ON COLUMN export_tracks.fingerprint IS 'hash of kind, spotify_id and the three names';

-- Of contexts that two downloads give the same play, the one that tells more counts.
ALTER TABLE play_contexts ADD COLUMN fields_given smallint NOT NULL GENERATED ALWAYS AS
    (num_nonnulls(platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)) STORED;
COMMENT ON COLUMN play_contexts.fields_given IS 'number of fields that are given';

-- Both columns fill what alignment left empty, but for 4 bytes of job_id.
ALTER TABLE imported_plays ADD COLUMN elapsed_s integer CHECK (elapsed_s >= -1), ADD COLUMN job_id integer;
ALTER TABLE imported_plays ALTER COLUMN ms_played DROP NOT NULL;
COMMENT ON COLUMN imported_plays.ms_played IS
    'milliseconds heard; NULL in account data of before December 2018, which gives no length';
COMMENT ON COLUMN imported_plays.elapsed_s IS
    'whole seconds from the true start (offline_timestamp) to played_at: a paused play lasts longer than ms_played; '
    'NULL where no start is given; -1: an offline play without a start, so played_at is when it was uploaded';
COMMENT ON COLUMN imported_plays.job_id IS
    'import_jobs.id of the import that landed the row first; NULL where version 0.1 landed it';

ALTER TABLE import_jobs ADD COLUMN reader smallint NOT NULL DEFAULT 1;
COMMENT ON COLUMN import_jobs.reader IS
    'version of the reader of exports that read the file: a file that an older one read is read again when it comes';

UPDATE imported_plays AS p
SET elapsed_s = -1
FROM play_contexts AS c
WHERE c.id = p.context_id AND c.offline AND p.stopped_at IS NULL;

ALTER TABLE listening_events ADD COLUMN context_id integer;
COMMENT ON COLUMN listening_events.context_id IS
    'play_contexts.id: how the play was heard; NULL where that is not known (polled, account data)';

-- The rules have changed: every user-month is derived again.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'EVENTS'::derivation_stage
FROM (SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month FROM imported_plays
      UNION
      SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date FROM polled_plays
      UNION
      SELECT user_id, month FROM archived_user_months) AS landed
ORDER BY user_id, month
ON CONFLICT DO NOTHING;

-- The rule looks at the last stream that was kept, so it reads rows one after the other. Strict: it passes over rows
-- whose end is not given.
CREATE FUNCTION keep_stream(kept timestamptz[], ended_at timestamptz, started_at timestamptz, ms_played integer)
    RETURNS timestamptz[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN 2 * (ended_at - kept[1]) < ms_played * interval '1 millisecond'
                     OR (started_at = kept[2] AND ended_at - kept[1] < interval '1 day')
                THEN kept ELSE ARRAY[ended_at, started_at] END;
COMMENT ON FUNCTION keep_stream IS
    'End and start of the stream that is kept: the one before, if a row overlaps more than half of it, else the row.';
CREATE AGGREGATE last_kept_stream(ended_at timestamptz, started_at timestamptz, ms_played integer) ( -- noqa: PRS
    SFUNC = keep_stream, STYPE = timestamptz[], INITCOND = '{}', PARALLEL = SAFE
);
COMMENT ON AGGREGATE last_kept_stream(timestamptz, timestamptz, integer) IS
    'End and start of the last stream that is kept, of rows of one track and length in the order of their ends.';

CREATE FUNCTION has_imported_plays(of_user bigint, in_month date) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM imported_plays
                   WHERE user_id = of_user AND played_at >= in_month::timestamp AT TIME ZONE 'UTC'
                     AND played_at < (in_month + interval '1 month') AT TIME ZONE 'UTC')
        OR EXISTS (SELECT FROM archived_user_months
                   WHERE user_id = of_user AND month = in_month AND imported_plays > 0);
COMMENT ON FUNCTION has_imported_plays IS 'Whether a user-month has plays of exports.';
