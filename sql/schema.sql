-- The schema of the warehouse as it is now. `make schema` writes this file from a database that the migrations in
-- sql/migrations made: do not edit it, add a migration.

CREATE SCHEMA shadow;

COMMENT ON SCHEMA shadow IS 'Shadow partitions: months that are being built. The partitions in use are in public.';

CREATE TYPE public.bucket_type AS ENUM (
    'DAY',
    'WEEK',
    'MONTH'
);

COMMENT ON TYPE public.bucket_type IS 'Length of a time bucket. A week begins on Monday.';

CREATE TYPE public.content_kind AS ENUM (
    'TRACK',
    'EPISODE',
    'CHAPTER',
    'VIDEO',
    'UNIDENTIFIED'
);

COMMENT ON TYPE public.content_kind IS 'What an export row played: music, an episode of a podcast, a chapter of an audiobook, a video, or nothing named.';

CREATE TYPE public.context_dimension AS ENUM (
    'PLATFORM',
    'COUNTRY',
    'REASON_START',
    'REASON_END',
    'SHUFFLE',
    'OFFLINE',
    'INCOGNITO',
    'SKIP',
    'SHARE_HEARD'
);

COMMENT ON TYPE public.context_dimension IS 'In what respect ways of listening differ. SKIP: for less than 30 seconds; SHARE_HEARD: how much of the track.';

CREATE TYPE public.correction_kind AS ENUM (
    'HIDE_TRACK',
    'HIDE_SONG',
    'HIDE_ARTIST',
    'HIDE_ALBUM',
    'HIDE_SHOW',
    'HIDE_PLAY',
    'HIDE_PERIOD',
    'UNDO_IMPORT',
    'JOIN_SONGS',
    'SPLIT_SONG'
);

COMMENT ON TYPE public.correction_kind IS 'What a correction does: HIDE_… leaves plays out, UNDO_IMPORT an import, the others say which tracks are one song.';

CREATE TYPE public.derivation_stage AS ENUM (
    'EVENTS',
    'STATS'
);

COMMENT ON TYPE public.derivation_stage IS 'What is derived of a user-month: its events from landed plays, its statistics from events.';

CREATE TYPE public.job_status AS ENUM (
    'PENDING',
    'PROCESSING',
    'COMPLETED',
    'FAILED'
);

COMMENT ON TYPE public.job_status IS 'State of an import job. COMPLETED and FAILED are final.';

CREATE TYPE public.sign_in_method AS ENUM (
    'LINK',
    'PASSWORD',
    'SPOTIFY'
);

COMMENT ON TYPE public.sign_in_method IS 'by what somebody signed in';

CREATE TYPE public.source AS ENUM (
    'API',
    'IMPORT',
    'SUBMISSION'
);

COMMENT ON TYPE public.source IS 'Where a listening event comes from: polled from Spotify''s API, read from an export, or submitted by a program.';

CREATE TYPE public.term AS ENUM (
    'SHORT_TERM',
    'MEDIUM_TERM',
    'LONG_TERM'
);

COMMENT ON TYPE public.term IS 'Period of Spotify''s own top lists: about 4 weeks, 6 months or one year.';

CREATE FUNCTION public.as_spotify_counts(of_user bigint, of_year integer DEFAULT NULL::integer) RETURNS TABLE(month date, play_count bigint, total_ms bigint, music_play_count bigint, music_ms bigint, podcast_play_count bigint, podcast_ms bigint)
    LANGUAGE sql STABLE ROWS 12
    AS $$
    SELECT counted.month, sum(counted.play_count)::bigint, sum(counted.total_ms)::bigint,
           coalesce(sum(counted.play_count) FILTER (WHERE counted.kind = 'TRACK'), 0)::bigint,
           coalesce(sum(counted.total_ms) FILTER (WHERE counted.kind = 'TRACK'), 0)::bigint,
           coalesce(sum(counted.play_count) FILTER (WHERE counted.kind = 'EPISODE'), 0)::bigint,
           coalesce(sum(counted.total_ms) FILTER (WHERE counted.kind = 'EPISODE'), 0)::bigint
    FROM (SELECT c.month, 'TRACK'::content_kind AS kind, every.play_count - c.skip_count AS play_count,
                 every.total_ms - c.skip_ms AS total_ms
          FROM user_month_contexts AS c
          CROSS JOIN LATERAL (SELECT sum(one.play_count) AS play_count, sum(one.total_ms) AS total_ms
                              FROM unnest(c.play_counts, c.total_ms) AS one (play_count, total_ms)) AS every
          WHERE c.user_id = of_user
            AND c.month >= coalesce(make_date(of_year, 1, 1), '-infinity')
            AND c.month < coalesce(make_date(of_year + 1, 1, 1), 'infinity')
          UNION ALL
          SELECT date_trunc('month', e.played_at AT TIME ZONE 'UTC')::date, e.kind, count(*), sum(e.ms_played)
          FROM episode_events AS e
          WHERE e.user_id = of_user AND e.ms_played >= 30000
            AND e.played_at >= coalesce(make_timestamptz(of_year, 1, 1, 0, 0, 0, 'UTC'), '-infinity')
            AND e.played_at < coalesce(make_timestamptz(of_year + 1, 1, 1, 0, 0, 0, 'UTC'), 'infinity')
          GROUP BY date_trunc('month', e.played_at AT TIME ZONE 'UTC')::date, e.kind) AS counted
    WHERE counted.play_count > 0
    GROUP BY counted.month
    ORDER BY counted.month
$$;

COMMENT ON FUNCTION public.as_spotify_counts(of_user bigint, of_year integer) IS 'One row per UTC month of a year, or of all years, with streams of 30 seconds and more: how many and how long, everything that was played, and of it music and podcasts.';

CREATE FUNCTION public.platform_family(platform text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((platform IS NULL) OR (platform ~* ('^\s*(not_applicable|unknown)?\s*$'::text COLLATE "C"))) THEN 'unknown'::text WHEN (platform ~* ('web_?player'::text COLLATE "C")) THEN 'web'::text WHEN (platform ~* ('playstation|scei|\mps[345]|xbox|nintendo'::text COLLATE "C")) THEN 'console'::text WHEN (platform ~* ('watch|wear_? ?os|garmin|fitbit|samsung_gear'::text COLLATE "C")) THEN 'watch'::text WHEN (platform ~* ('android.?auto|automotive|carplay|car_? ?thing|superbird|tesla|\mcar\M'::text COLLATE "C")) THEN 'car'::text WHEN (platform ~* ('(_|\m)tv|tvos|webos|tizen|roku|bravia|vizio|fire_?tv'::text COLLATE "C")) THEN 'tv'::text WHEN (platform ~* ('cast|sonos|amazon|echo|alexa|homepod|speaker|bose'::text COLLATE "C")) THEN 'speaker'::text WHEN (platform ~* ('(^|[^a-z])ios([^a-z]|$)|iphone|ipad|ipod'::text COLLATE "C")) THEN 'ios'::text WHEN (platform ~* ('android'::text COLLATE "C")) THEN 'android'::text WHEN (platform ~* ('(^|[^a-z])os_? ?x|macos|darwin'::text COLLATE "C")) THEN 'macos'::text WHEN (platform ~* ('windows'::text COLLATE "C")) THEN 'windows'::text WHEN (platform ~* ('linux|chrome ?os'::text COLLATE "C")) THEN 'linux'::text WHEN (platform ~* ('^partner'::text COLLATE "C")) THEN 'speaker'::text ELSE 'other'::text END;

COMMENT ON FUNCTION public.platform_family(platform text) IS 'Family of a platform as exports name it: android, ios, macos, windows, linux, web, tv, speaker, car, console, watch, other or unknown.';

CREATE FUNCTION public.play_context_fingerprint(platform text, country text, reason_start text, reason_end text, shuffle boolean, skipped boolean, offline boolean, incognito boolean) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (md5((((((((COALESCE(md5(platform), '-'::text) || COALESCE(md5(country), '-'::text)) || COALESCE(md5(reason_start), '-'::text)) || COALESCE(md5(reason_end), '-'::text)) || COALESCE((shuffle)::text, '-'::text)) || COALESCE((skipped)::text, '-'::text)) || COALESCE((offline)::text, '-'::text)) || COALESCE((incognito)::text, '-'::text))))::uuid;

COMMENT ON FUNCTION public.play_context_fingerprint(platform text, country text, reason_start text, reason_end text, shuffle boolean, skipped boolean, offline boolean, incognito boolean) IS 'Identity of a row of play_contexts.';

CREATE TABLE public.play_contexts (
    id integer NOT NULL,
    platform text,
    country text,
    reason_start text,
    reason_end text,
    shuffle boolean,
    skipped boolean,
    offline boolean,
    incognito boolean,
    fingerprint uuid GENERATED ALWAYS AS (public.play_context_fingerprint(platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)) STORED NOT NULL,
    fields_given smallint GENERATED ALWAYS AS (num_nonnulls(platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito)) STORED NOT NULL,
    platform_family text GENERATED ALWAYS AS (public.platform_family(platform)) STORED NOT NULL
);

COMMENT ON TABLE public.play_contexts IS 'One row per distinct combination of platform, country, reasons and flags in exports. Rows are never deleted.';

COMMENT ON COLUMN public.play_contexts.id IS 'surrogate key';

COMMENT ON COLUMN public.play_contexts.platform IS 'device or application, as the export names it; NULL if not given';

COMMENT ON COLUMN public.play_contexts.country IS 'country of the connection (ISO 3166-1 alpha-2); NULL if not given';

COMMENT ON COLUMN public.play_contexts.reason_start IS 'why the play began, for example clickrow; NULL if not given';

COMMENT ON COLUMN public.play_contexts.reason_end IS 'why the play ended, for example trackdone; NULL if not given';

COMMENT ON COLUMN public.play_contexts.shuffle IS 'shuffle mode was on; NULL if not given';

COMMENT ON COLUMN public.play_contexts.skipped IS 'the user skipped the track, as the export says; NULL if not given';

COMMENT ON COLUMN public.play_contexts.offline IS 'the device was offline; NULL if not given';

COMMENT ON COLUMN public.play_contexts.incognito IS 'a private session was on; NULL if not given';

COMMENT ON COLUMN public.play_contexts.fingerprint IS 'hash of all other columns but id';

COMMENT ON COLUMN public.play_contexts.fields_given IS 'number of fields that are given';

COMMENT ON COLUMN public.play_contexts.platform_family IS 'platform_family of platform';

CREATE FUNCTION public.context_values(context public.play_contexts) RETURNS TABLE(dimension public.context_dimension, value text)
    LANGUAGE sql IMMUTABLE ROWS 7 PARALLEL SAFE
    AS $$
    VALUES ('PLATFORM'::context_dimension, coalesce(context.platform_family, 'unknown')),
           ('COUNTRY', coalesce(nullif(nullif(context.country, ''), 'ZZ'), 'unknown')),
           ('REASON_START', coalesce(nullif(context.reason_start, ''), 'unknown')),
           ('REASON_END', coalesce(nullif(context.reason_end, ''), 'unknown')),
           ('SHUFFLE', coalesce(context.shuffle::text, 'unknown')),
           ('OFFLINE', coalesce(context.offline::text, 'unknown')),
           ('INCOGNITO', coalesce(context.incognito::text, 'unknown'))
$$;

COMMENT ON FUNCTION public.context_values(context public.play_contexts) IS 'One row per dimension that a context tells: its value; unknown where the context does not tell it, or is NULL.';

CREATE FUNCTION public.correct_songs() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO pending_song_tracks (track_id) VALUES (0) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION public.correct_songs() IS 'Trigger: a correction of songs that is made or taken back, also because its user is forgotten, is derived next.';

CREATE FUNCTION public.export_track_fingerprint(kind public.content_kind, spotify_id text, track_name text, artist_name text, album_name text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (md5(((((CASE kind WHEN 'TRACK'::public.content_kind THEN ''::text WHEN 'EPISODE'::public.content_kind THEN 'E'::text WHEN 'CHAPTER'::public.content_kind THEN 'C'::text WHEN 'VIDEO'::public.content_kind THEN 'V'::text ELSE 'U'::text END || COALESCE(md5(spotify_id), '-'::text)) || COALESCE(md5(track_name), '-'::text)) || COALESCE(md5(artist_name), '-'::text)) || COALESCE(md5(album_name), '-'::text))))::uuid;

COMMENT ON FUNCTION public.export_track_fingerprint(kind public.content_kind, spotify_id text, track_name text, artist_name text, album_name text) IS 'Identity of a row of export_tracks.';

CREATE FUNCTION public.forget_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM imported_plays WHERE user_id = OLD.id;
    DELETE FROM user_track_months WHERE user_id = OLD.id;
    DELETE FROM user_track_stats WHERE user_id = OLD.id;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION public.forget_user() IS 'Trigger: deletes the rows of a deleted user in tables without a foreign key to users.';

CREATE FUNCTION public.give_song() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO songs DEFAULT VALUES RETURNING id INTO NEW.song_id;
    RETURN NEW;
END $$;

COMMENT ON FUNCTION public.give_song() IS 'Trigger: a track that is added without a song is a song of its own.';

CREATE TABLE public.corrections (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    kind public.correction_kind NOT NULL,
    what jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT corrections_what_check CHECK ((jsonb_typeof(what) = 'object'::text))
);

COMMENT ON TABLE public.corrections IS 'One row per correction that a user made and did not take back. Events and songs are derived from it.';

COMMENT ON COLUMN public.corrections.id IS 'surrogate key: the number under which it is listed and taken back';

COMMENT ON COLUMN public.corrections.user_id IS 'users.id';

COMMENT ON COLUMN public.corrections.kind IS 'what the correction does';

COMMENT ON COLUMN public.corrections.what IS 'to what: Spotify ids or names, instants (ISO 8601, UTC) or the import job; no other surrogate key';

COMMENT ON COLUMN public.corrections.created_at IS 'when the user made it';

CREATE TABLE public.hidden_track_months (
    user_id bigint NOT NULL,
    track_id bigint NOT NULL,
    total_ms bigint NOT NULL,
    play_count integer NOT NULL,
    month date NOT NULL,
    CONSTRAINT hidden_track_months_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT hidden_track_months_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT hidden_track_months_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.hidden_track_months IS 'One row per user, UTC month and track with plays that would count if they were not hidden.';

COMMENT ON COLUMN public.hidden_track_months.user_id IS 'users.id';

COMMENT ON COLUMN public.hidden_track_months.track_id IS 'tracks.id';

COMMENT ON COLUMN public.hidden_track_months.total_ms IS 'milliseconds of the hidden plays';

COMMENT ON COLUMN public.hidden_track_months.play_count IS 'number of hidden plays';

COMMENT ON COLUMN public.hidden_track_months.month IS 'first day of the UTC month';

CREATE TABLE public.user_settings (
    user_id bigint NOT NULL,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    is_public_profile boolean DEFAULT false NOT NULL,
    share_top_tracks boolean DEFAULT false NOT NULL,
    share_top_artists boolean DEFAULT false NOT NULL,
    share_listening_time boolean DEFAULT false NOT NULL,
    hide_incognito boolean DEFAULT false NOT NULL,
    week_starts_on smallint DEFAULT 0 NOT NULL,
    session_gap_minutes smallint DEFAULT 30 NOT NULL,
    share_history boolean DEFAULT false NOT NULL,
    allows_comparison boolean DEFAULT false NOT NULL,
    CONSTRAINT user_settings_session_gap_minutes_check CHECK (((session_gap_minutes >= 1) AND (session_gap_minutes <= 1440))),
    CONSTRAINT user_settings_week_starts_on_check CHECK (((week_starts_on >= 0) AND (week_starts_on <= 6)))
);

COMMENT ON TABLE public.user_settings IS 'One row per user: time zone and what may be shared.';

COMMENT ON COLUMN public.user_settings.user_id IS 'users.id';

COMMENT ON COLUMN public.user_settings.timezone IS 'IANA name of the time zone in which statistics count days, hours and years';

COMMENT ON COLUMN public.user_settings.is_public_profile IS 'other people may see the profile';

COMMENT ON COLUMN public.user_settings.share_top_tracks IS 'a public profile may show the most played tracks';

COMMENT ON COLUMN public.user_settings.share_top_artists IS 'a public profile may show the most played artists';

COMMENT ON COLUMN public.user_settings.share_listening_time IS 'a public profile may show the listening time';

COMMENT ON COLUMN public.user_settings.hide_incognito IS 'plays of private sessions (play_contexts.incognito) do not count';

COMMENT ON COLUMN public.user_settings.week_starts_on IS 'day on which weeks begin on pages and in the API: 0 is Monday; those of user_time_bucket_stats begin on Monday';

COMMENT ON COLUMN public.user_settings.session_gap_minutes IS 'plays are of one session while less than this lies between the end of one and the beginning of the next';

COMMENT ON COLUMN public.user_settings.share_history IS 'a public profile may show single plays and when they were';

COMMENT ON COLUMN public.user_settings.allows_comparison IS 'a user of this warehouse who allows it too may be compared with this one';

CREATE FUNCTION public.has_hidden_plays(of_user bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((EXISTS (SELECT FROM public.corrections WHERE ((corrections.user_id = has_hidden_plays.of_user) AND (corrections.kind <> ALL (ARRAY['UNDO_IMPORT'::public.correction_kind, 'JOIN_SONGS'::public.correction_kind, 'SPLIT_SONG'::public.correction_kind]))))) OR (EXISTS (SELECT FROM public.hidden_track_months WHERE (hidden_track_months.user_id = has_hidden_plays.of_user))) OR (EXISTS (SELECT FROM public.user_settings WHERE ((user_settings.user_id = has_hidden_plays.of_user) AND user_settings.hide_incognito))));

COMMENT ON FUNCTION public.has_hidden_plays(of_user bigint) IS 'Whether plays of a user are hidden, or were until their user-months are derived again.';

CREATE TABLE public.archived_user_months (
    user_id bigint NOT NULL,
    month date NOT NULL,
    part integer NOT NULL,
    play_count integer NOT NULL,
    total_ms bigint NOT NULL,
    imported_plays integer NOT NULL,
    polled_plays integer NOT NULL,
    has_account_data boolean NOT NULL,
    CONSTRAINT archived_user_months_imported_plays_check CHECK ((imported_plays >= 0)),
    CONSTRAINT archived_user_months_play_count_check CHECK ((play_count >= 0)),
    CONSTRAINT archived_user_months_polled_plays_check CHECK ((polled_plays >= 0)),
    CONSTRAINT archived_user_months_total_ms_check CHECK ((total_ms >= 0))
);

COMMENT ON TABLE public.archived_user_months IS 'One row per user and UTC month whose plays are in the archive only. Restoring them deletes the row.';

COMMENT ON COLUMN public.archived_user_months.user_id IS 'users.id';

COMMENT ON COLUMN public.archived_user_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.archived_user_months.part IS 'archived_months.part that holds the plays';

COMMENT ON COLUMN public.archived_user_months.play_count IS 'listening events';

COMMENT ON COLUMN public.archived_user_months.total_ms IS 'milliseconds of the listening events';

COMMENT ON COLUMN public.archived_user_months.imported_plays IS 'rows of imported_plays';

COMMENT ON COLUMN public.archived_user_months.polled_plays IS 'rows of polled_plays';

COMMENT ON COLUMN public.archived_user_months.has_account_data IS 'some of the imported plays are account data';

CREATE TABLE public.imported_plays (
    user_id bigint NOT NULL,
    played_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    export_track_id integer NOT NULL,
    ms_played integer,
    context_id integer,
    elapsed_s integer,
    job_id integer,
    CONSTRAINT imported_plays_elapsed_s_check CHECK ((elapsed_s >= '-1'::integer)),
    CONSTRAINT imported_plays_ms_played_check CHECK (((ms_played >= 0) AND (ms_played <= 86400000))),
    CONSTRAINT stopped_at_differs CHECK ((stopped_at <> played_at))
)
PARTITION BY RANGE (played_at);

COMMENT ON TABLE public.imported_plays IS 'One row per distinct track row of a user''s exports, short plays included, per play that a program submitted, and per polled play that an export of MYI tells. One partition per UTC month.';

COMMENT ON COLUMN public.imported_plays.user_id IS 'users.id; a trigger deletes the rows of a deleted user';

COMMENT ON COLUMN public.imported_plays.played_at IS 'end of the play; for offline plays by the clock of the device: its start + ms_played; of a submitted play without a length, its start';

COMMENT ON COLUMN public.imported_plays.stopped_at IS 'the time that the source gives: the end as the export says, for offline plays the time of upload, the start of a submitted play; NULL where it equals played_at';

COMMENT ON COLUMN public.imported_plays.export_track_id IS 'export_tracks.id';

COMMENT ON COLUMN public.imported_plays.ms_played IS 'milliseconds heard; NULL in account data of before December 2018, which gives no length, and where a submission does not tell it; of a polled play the length of the track';

COMMENT ON COLUMN public.imported_plays.context_id IS 'play_contexts.id; NULL marks account data, which gives times to the minute and names only, and submitted and polled plays';

COMMENT ON COLUMN public.imported_plays.elapsed_s IS 'whole seconds from the true start (offline_timestamp, listened_at) to played_at: a paused play lasts longer than ms_played; NULL where no start is given; -1: an offline play without a start, so played_at is when it was uploaded, or without a context a polled play; 0: a submitted play without a length';

COMMENT ON COLUMN public.imported_plays.job_id IS 'import_jobs.id of the import that landed the row first; NULL where version 0.1 landed it';

CREATE FUNCTION public.has_imported_plays(of_user bigint, in_month date) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((EXISTS (SELECT FROM public.imported_plays WHERE ((imported_plays.user_id = has_imported_plays.of_user) AND (imported_plays.played_at >= ((has_imported_plays.in_month)::timestamp without time zone AT TIME ZONE 'UTC'::text)) AND (imported_plays.played_at < ((has_imported_plays.in_month + '1 mon'::interval) AT TIME ZONE 'UTC'::text))))) OR (EXISTS (SELECT FROM public.archived_user_months WHERE ((archived_user_months.user_id = has_imported_plays.of_user) AND (archived_user_months.month = has_imported_plays.in_month) AND (archived_user_months.imported_plays > 0)))));

COMMENT ON FUNCTION public.has_imported_plays(of_user bigint, in_month date) IS 'Whether a user-month has plays of exports.';

CREATE TABLE public.polled_plays (
    user_id bigint NOT NULL,
    played_at timestamp with time zone NOT NULL,
    spotify_id text NOT NULL,
    duration_ms integer,
    polled_at timestamp with time zone DEFAULT now() NOT NULL,
    context_type text,
    context_uri text,
    CONSTRAINT polled_plays_duration_ms_check CHECK ((duration_ms > 0))
)
PARTITION BY RANGE (played_at);

COMMENT ON TABLE public.polled_plays IS 'One row per play in Spotify''s recently-played list. One partition per UTC month.';

COMMENT ON COLUMN public.polled_plays.user_id IS 'users.id';

COMMENT ON COLUMN public.polled_plays.played_at IS 'end of the play';

COMMENT ON COLUMN public.polled_plays.spotify_id IS 'Spotify track id: tracks.spotify_id or one of track_aliases';

COMMENT ON COLUMN public.polled_plays.duration_ms IS 'length of the track in milliseconds: the estimate of ms_played; NULL if Spotify did not give it';

COMMENT ON COLUMN public.polled_plays.polled_at IS 'when the play was first polled';

COMMENT ON COLUMN public.polled_plays.context_type IS 'from what the play was started, as Spotify names it: playlist, album, artist, …; NULL if Spotify did not say';

COMMENT ON COLUMN public.polled_plays.context_uri IS 'Spotify URI of that playlist, album or artist; NULL if Spotify did not say';

CREATE FUNCTION public.has_matchable_plays(of_user bigint, in_month date) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((EXISTS (SELECT FROM public.polled_plays WHERE ((polled_plays.user_id = has_matchable_plays.of_user) AND (polled_plays.played_at >= ((has_matchable_plays.in_month)::timestamp without time zone AT TIME ZONE 'UTC'::text)) AND (polled_plays.played_at < ((has_matchable_plays.in_month + '1 mon'::interval) AT TIME ZONE 'UTC'::text))))) OR (EXISTS (SELECT FROM public.imported_plays WHERE ((imported_plays.user_id = has_matchable_plays.of_user) AND (imported_plays.context_id IS NULL) AND (imported_plays.played_at >= ((has_matchable_plays.in_month)::timestamp without time zone AT TIME ZONE 'UTC'::text)) AND (imported_plays.played_at < ((has_matchable_plays.in_month + '1 mon'::interval) AT TIME ZONE 'UTC'::text))))) OR (EXISTS (SELECT FROM public.archived_user_months WHERE ((archived_user_months.user_id = has_matchable_plays.of_user) AND (archived_user_months.month = has_matchable_plays.in_month) AND (archived_user_months.has_account_data OR (archived_user_months.polled_plays > 0))))));

COMMENT ON FUNCTION public.has_matchable_plays(of_user bigint, in_month date) IS 'Whether a user-month has plays that may match those of other sources: polled plays or account data.';

CREATE FUNCTION public.imported_play_hash(played_at timestamp with time zone, export_track_id integer, ms_played integer, stopped_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hash_record_extended(ROW(played_at, export_track_id, ms_played, stopped_at), (0)::bigint);

COMMENT ON FUNCTION public.imported_play_hash(played_at timestamp with time zone, export_track_id integer, ms_played integer, stopped_at timestamp with time zone) IS 'Hash of what makes a row of a user''s imported_plays unique.';

CREATE FUNCTION public.is_user_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (name ~ '^[^./\\[:cntrl:]][^/\\[:cntrl:]]{0,63}$'::text);

COMMENT ON FUNCTION public.is_user_name(name text) IS 'Whether a name can be a user''s, and so that of a folder.';

CREATE FUNCTION public.is_version_to_fold(words text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((words && ARRAY['remaster'::text, 'remastered'::text, 'mastered'::text, 'mono'::text, 'stereo'::text, 'deluxe'::text, 'bonus'::text, 'explicit'::text, 'clean'::text]) OR (('version'::text = ANY (words)) AND (words && ARRAY['single'::text, 'album'::text, 'lp'::text])));

COMMENT ON FUNCTION public.is_version_to_fold(words text[]) IS 'Whether words that say which version a track is name one that is the same song.';

CREATE FUNCTION public.isrc_song_key(isrc text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (md5(('
ISRC '::text || upper(translate(isrc, '- '::text, ''::text)))))::uuid;

COMMENT ON FUNCTION public.isrc_song_key(isrc text) IS 'Key of a song: equal for equal ISRCs, with or without dashes.';

CREATE FUNCTION public.keep_stream(kept timestamp with time zone[], ended_at timestamp with time zone, started_at timestamp with time zone, ms_played integer) RETURNS timestamp with time zone[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN ((((2)::double precision * (ended_at - (kept)[1])) < ((ms_played)::double precision * '00:00:00.001'::interval)) OR ((started_at = (kept)[2]) AND ((ended_at - (kept)[1]) < '1 day'::interval))) THEN kept ELSE ARRAY[ended_at, started_at] END;

COMMENT ON FUNCTION public.keep_stream(kept timestamp with time zone[], ended_at timestamp with time zone, started_at timestamp with time zone, ms_played integer) IS 'End and start of the stream that is kept: the one before, if a row overlaps more than half of it, else the row.';

CREATE FUNCTION public.merged_payload(stored jsonb, stored_is_full boolean, latest jsonb, latest_is_full boolean) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((stored IS NULL) OR (latest IS NULL)) THEN COALESCE(stored, latest) WHEN (stored_is_full AND (NOT latest_is_full)) THEN (latest || stored) ELSE (stored || latest) END;

COMMENT ON FUNCTION public.merged_payload(stored jsonb, stored_is_full boolean, latest jsonb, latest_is_full boolean) IS 'A stored payload with the fields of the latest one. A missing field deletes nothing; a mention only adds fields.';

CREATE FUNCTION public.name_key(name text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (md5(lower((btrim(regexp_replace(CASE WHEN (name IS NFKC NORMALIZED) THEN name ELSE NORMALIZE(name, NFKC) END, '\s\s+|[^\S ]'::text, ' '::text, 'g'::text)) COLLATE pg_c_utf8))))::uuid;

COMMENT ON FUNCTION public.name_key(name text) IS 'Key of a name: equal for spellings that differ in Unicode form, white space or letter case only.';

CREATE FUNCTION public.recent_plays(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(played_at timestamp with time zone, name text, artist text, ms_played integer)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT recent.played_at, named.name, named.artist, recent.ms_played
    FROM (SELECT track_id, played_at, ms_played
          FROM listening_events
          WHERE user_id = of_user AND played_at < now() + interval '1 day'
          ORDER BY played_at DESC, track_id
          LIMIT each) AS recent
    JOIN named_tracks AS named ON named.id = recent.track_id
    ORDER BY recent.played_at DESC, recent.track_id;
END $$;

COMMENT ON FUNCTION public.recent_plays(of_user bigint, each integer) IS 'One row per play: the latest plays of a user, the latest first.';

CREATE FUNCTION public.song_title(title text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    known_words CONSTANT text[] := ARRAY[
        '', 'remaster', 'remastered', 're', 'master', 'mastered', 'digital', 'digitally', 'newly', 'bit', 'mono', 'stereo',
        'version', 'edition', 'recording', 'track', 'single', 'album', 'lp', 'original', 'deluxe', 'bonus', 'expanded',
        'explicit', 'clean', 'anniversary', 'in', 'st', 'nd', 'rd', 'th'];
    whole CONSTANT text := song_text(title);
    short text := whole;
    part text;
    parts text[];
    words text[];
    begins integer;
    ends integer;
    kept integer;
BEGIN
    -- In brackets, the innermost first; those that stay are marked until all are done.
    LOOP
        ends := strpos(short, ')');
        EXIT WHEN ends = 0;
        part := split_part(left(short, ends - 1), '(', -1);
        begins := ends - length(part) - 1;
        IF begins < 1 THEN
            short := overlay(short PLACING chr(2) FROM ends FOR 1);
            CONTINUE;
        END IF;
        words := version_words(part);
        IF (words <@ known_words AND is_version_to_fold(words)) OR part ~ '^ ?(?:(?:feat|ft)[. ]|(?:featuring|with) )' THEN
            short := rtrim(left(short, begins - 1)) || substr(short, ends + 1);
        ELSE
            short := overlay(overlay(short PLACING chr(2) FROM ends FOR 1) PLACING chr(1) FROM begins FOR 1);
        END IF;
    END LOOP;
    short := btrim(translate(short, chr(1) || chr(2), '()'));

    -- Guests without brackets: up to the next dash or bracket.
    IF strpos(short, ' f') > 0 THEN
        begins := coalesce(nullif(strpos(short, ' feat.'), 0), nullif(strpos(short, ' ft.'), 0),
                           strpos(short, ' featuring '));
        IF begins > 1 THEN
            part := substr(short, begins + 1);
            ends := least(nullif(strpos(part, ' - '), 0), nullif(strpos(part, ' ('), 0), length(part) + 1);
            short := rtrim(left(short, begins - 1), '- ') || substr(part, ends);
        END IF;
    END IF;

    -- After dashes, at the end.
    IF strpos(short, ' - ') > 0 THEN
        parts := string_to_array(short, ' - ');
        kept := cardinality(parts);
        WHILE kept > 1 AND version_words(parts[kept]) <@ known_words LOOP
            kept := kept - 1;
        END LOOP;
        IF kept < cardinality(parts) AND is_version_to_fold(version_words(array_to_string(parts[kept + 1:], ' '))) THEN
            parts := parts[:kept];
        END IF;
        kept := cardinality(parts);
        IF kept > 1 AND strpos(parts[kept], '/') > 0 THEN -- live / remastered
            words := version_words(split_part(parts[kept], '/', -1));
            IF words <@ known_words AND is_version_to_fold(words) THEN
                parts[kept] := rtrim(left(parts[kept], -1 - length(split_part(parts[kept], '/', -1))));
            END IF;
        END IF;
        short := array_to_string(parts, ' - ');
    END IF;
    RETURN CASE WHEN short = '' THEN whole ELSE short END;
END $$;

COMMENT ON FUNCTION public.song_title(title text) IS 'A title without guests and without versions that are the same song (remasters, mono, album version): docs/guide/songs.md.';

CREATE FUNCTION public.recording_keys(recordings jsonb) RETURNS uuid[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg((md5(public.song_title(((one.value ->> 'title'::text) || COALESCE(((' ('::text || (one.value ->> 'version'::text)) || ')'::text), ''::text)))))::uuid ORDER BY one.number), '{}'::uuid[]) AS "coalesce" FROM jsonb_array_elements(recording_keys.recordings) WITH ORDINALITY one(value, number));

COMMENT ON FUNCTION public.recording_keys(recordings jsonb) IS 'Of each recording of musicbrainz_objects.payload the key of its folded title, with what tells it from others of that title, such as "live".';

CREATE FUNCTION public.recording_lengths(recordings jsonb) RETURNS integer[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg(((one.value ->> 'length_ms'::text))::integer ORDER BY one.number), '{}'::integer[]) AS "coalesce" FROM jsonb_array_elements(recording_lengths.recordings) WITH ORDINALITY one(value, number));

COMMENT ON FUNCTION public.recording_lengths(recordings jsonb) IS 'Of each recording of musicbrainz_objects.payload the length in milliseconds.';

CREATE FUNCTION public.recordings_of_song(of_user bigint, of_song bigint, of_year integer DEFAULT NULL::integer) RETURNS TABLE(track_id bigint, name text, artist text, album text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 5
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT played.track_id, named.name, named.artist, albums.name, played.play_count, played.total_ms
    FROM (SELECT s.track_id, s.play_count, s.total_ms
          FROM tracks AS t
          JOIN user_track_stats AS s ON s.user_id = of_user AND s.track_id = t.id
          WHERE t.song_id = of_song AND of_year IS NULL
          UNION ALL
          SELECT kept.track_id, kept.play_count::bigint, kept.total_ms
          FROM tracks AS t
          JOIN user_year_top_tracks AS kept ON kept.user_id = of_user AND kept.year = of_year AND kept.track_id = t.id
          WHERE t.song_id = of_song) AS played
    JOIN named_tracks AS named ON named.id = played.track_id
    JOIN tracks AS shown ON shown.id = played.track_id
    LEFT JOIN albums ON albums.id = shown.album_id
    ORDER BY played.play_count DESC, played.total_ms DESC, played.track_id;
END $$;

COMMENT ON FUNCTION public.recordings_of_song(of_user bigint, of_song bigint, of_year integer) IS 'One row per track of a song that a user played, ever or in one of the years of top_songs_of_year, the most played first.';

CREATE FUNCTION public.refuse_to_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never deleted: plays refer to them', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

COMMENT ON FUNCTION public.refuse_to_delete() IS 'Trigger: refuses to delete rows to which others refer without a foreign key.';

CREATE FUNCTION public.song_text(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(lower((btrim(regexp_replace(CASE WHEN (name IS NFKC NORMALIZED) THEN name ELSE NORMALIZE(name, NFKC) END, '\s\s+|[^\S ]'::text, ' '::text, 'g'::text)) COLLATE pg_c_utf8)), '‘’‚‛ʼʹ′“”„‟«»‐‒–—―−[]ς'::text, '''''''''''''''""""""------()σ'::text);

COMMENT ON FUNCTION public.song_text(name text) IS 'A name for comparing songs: as in name_key, and curly quotes, dashes, square brackets and final sigma are plain.';

CREATE FUNCTION public.song_key(title text, artist text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (md5(CASE WHEN ((octet_length(title) = length(title)) AND (octet_length(artist) = length(artist)) AND (strpos(title, '('::text) = 0) AND (strpos(title, '['::text) = 0) AND (strpos(title, ']'::text) = 0) AND (strpos(artist, '['::text) = 0) AND (strpos(artist, ']'::text) = 0) AND (strpos(title, ' - '::text) = 0) AND (strpos(lower(title), ' feat'::text) = 0) AND (strpos(lower(title), ' ft.'::text) = 0) AND (strpos(title, '  '::text) = 0) AND (strpos(artist, '  '::text) = 0) AND (strpos(title, '	'::text) = 0) AND (strpos(artist, '	'::text) = 0) AND (strpos(title, '
'::text) = 0) AND (strpos(artist, '
'::text) = 0) AND (strpos(title, ''::text) = 0) AND (strpos(artist, ''::text) = 0) AND (strpos(title, ''::text) = 0) AND (strpos(artist, ''::text) = 0) AND (strpos(title, '
'::text) = 0) AND (strpos(artist, '
'::text) = 0)) THEN ((lower((btrim(title) COLLATE pg_c_utf8)) || '
'::text) || lower((btrim(artist) COLLATE pg_c_utf8))) ELSE ((public.song_title(title) || '
'::text) || public.song_text(artist)) END))::uuid;

COMMENT ON FUNCTION public.song_key(title text, artist text) IS 'Key of a song: equal for names whose folded title and first artist are equal; NULL if one is not given.';

CREATE FUNCTION public.top_albums(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT album_id, play_count, total_ms
          FROM user_album_stats
          WHERE user_id = of_user AND play_count > 0 AND album_id <> 0
          ORDER BY play_count DESC, total_ms DESC, album_id
          LIMIT each) AS top
    JOIN named_albums AS named ON named.id = top.album_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.album_id;
END $$;

COMMENT ON FUNCTION public.top_albums(of_user bigint, each integer) IS 'One row per album: those that a user played most, the most played first.';

CREATE FUNCTION public.top_albums_of_month(of_user bigint, of_month date, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    this_month date := date_trunc('month', of_month);
    next_month date := this_month + interval '1 month';
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT album_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
          FROM tracks_of_local_months(of_user, this_month, next_month) AS played
          JOIN tracks ON tracks.id = played.track_id
          WHERE album_id IS NOT NULL
          GROUP BY album_id
          ORDER BY play_count DESC, total_ms DESC, album_id
          LIMIT each) AS top
    JOIN named_albums AS named ON named.id = top.album_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.album_id;
END $$;

COMMENT ON FUNCTION public.top_albums_of_month(of_user bigint, of_month date, each integer) IS 'One row per album: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION public.top_albums_of_year(of_user bigint, of_year integer, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    first_month date := make_date(of_year, 1, 1);
    end_month date := make_date(of_year + 1, 1, 1);
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT album_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
          FROM tracks_of_local_months(of_user, first_month, end_month) AS played
          JOIN tracks ON tracks.id = played.track_id
          WHERE album_id IS NOT NULL
          GROUP BY album_id
          ORDER BY play_count DESC, total_ms DESC, album_id
          LIMIT each) AS top
    JOIN named_albums AS named ON named.id = top.album_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.album_id;
END $$;

COMMENT ON FUNCTION public.top_albums_of_year(of_user bigint, of_year integer, each integer) IS 'One row per album: those that a user played most in a local year, the most played first.';

CREATE FUNCTION public.top_artists(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT artists.name, top.play_count, top.total_ms
    FROM (SELECT artist_id, play_count, total_ms
          FROM user_artist_stats
          WHERE user_id = of_user AND play_count > 0
          ORDER BY play_count DESC, total_ms DESC, artist_id
          LIMIT each) AS top
    JOIN artists ON artists.id = top.artist_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id;
END $$;

COMMENT ON FUNCTION public.top_artists(of_user bigint, each integer) IS 'One row per artist: those that a user played most, the most played first. A play counts for every credited artist.';

CREATE FUNCTION public.top_artists_as_spotify_counts(of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL::date) RETURNS TABLE(name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    first_day date := make_date(of_year, 1, 1);
    last_day date := least(until, make_date(of_year, 12, 31));
BEGIN
    RETURN QUERY
    SELECT artists.name, top.play_count, top.total_ms
    FROM (SELECT credit.artist_id, sum(streamed.play_count)::bigint AS play_count,
                 sum(streamed.total_ms)::bigint AS total_ms
          FROM tracks_as_spotify_counts(of_user, first_day, last_day) AS streamed
          JOIN track_artists AS credit ON credit.track_id = streamed.track_id
          GROUP BY credit.artist_id
          ORDER BY play_count DESC, total_ms DESC, artist_id
          LIMIT each) AS top
    JOIN artists ON artists.id = top.artist_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id;
END $$;

COMMENT ON FUNCTION public.top_artists_as_spotify_counts(of_user bigint, of_year integer, each integer, until date) IS 'One row per artist: those that a user streamed most in a UTC year, or in it until the end of a day, the most streamed first. A stream counts for every credited artist; see tracks_as_spotify_counts.';

CREATE FUNCTION public.top_artists_of_month(of_user bigint, of_month date, each integer DEFAULT 50) RETURNS TABLE(name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    this_month date := date_trunc('month', of_month);
    next_month date := this_month + interval '1 month';
BEGIN
    RETURN QUERY
    SELECT artists.name, top.play_count, top.total_ms
    FROM (SELECT artist_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
          FROM tracks_of_local_months(of_user, this_month, next_month) AS played
          JOIN track_artists USING (track_id)
          GROUP BY artist_id
          ORDER BY play_count DESC, total_ms DESC, artist_id
          LIMIT each) AS top
    JOIN artists ON artists.id = top.artist_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id;
END $$;

COMMENT ON FUNCTION public.top_artists_of_month(of_user bigint, of_month date, each integer) IS 'One row per artist: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION public.top_artists_of_year(of_user bigint, of_year integer, each integer DEFAULT 50) RETURNS TABLE(name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    first_month date := make_date(of_year, 1, 1);
    end_month date := make_date(of_year + 1, 1, 1);
BEGIN
    RETURN QUERY
    SELECT artists.name, top.play_count, top.total_ms
    FROM (SELECT artist_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
          FROM tracks_of_local_months(of_user, first_month, end_month) AS played
          JOIN track_artists USING (track_id)
          GROUP BY artist_id
          ORDER BY play_count DESC, total_ms DESC, artist_id
          LIMIT each) AS top
    JOIN artists ON artists.id = top.artist_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.artist_id;
END $$;

COMMENT ON FUNCTION public.top_artists_of_year(of_user bigint, of_year integer, each integer) IS 'One row per artist: those that a user played most in a local year, the most played first.';

CREATE FUNCTION public.top_genres(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(genre text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT of_track.genre, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
    FROM (SELECT DISTINCT s.track_id, genre, s.play_count, s.total_ms
          FROM user_track_stats AS s
          JOIN track_artists AS credit ON credit.track_id = s.track_id
          JOIN artists ON artists.id = credit.artist_id
          CROSS JOIN unnest(artists.genres) AS genre
          WHERE s.user_id = of_user) AS of_track
    GROUP BY of_track.genre
    ORDER BY play_count DESC, total_ms DESC, of_track.genre COLLATE "C"
    LIMIT each;
END $$;

COMMENT ON FUNCTION public.top_genres(of_user bigint, each integer) IS 'One row per genre: those of the artists that a user played most. A play counts for each genre of its artists once.';

CREATE FUNCTION public.top_songs(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT song_id, recordings, play_count, total_ms
          FROM ((SELECT song_id, recordings, play_count, total_ms
                 FROM user_song_sums
                 WHERE user_id = of_user AND play_count > 0
                 ORDER BY play_count DESC, total_ms DESC, song_id
                 LIMIT each)
                UNION ALL
                (SELECT t.song_id, 1, s.play_count, s.total_ms
                 FROM user_track_stats AS s
                 JOIN tracks AS t ON t.id = s.track_id
                 WHERE s.user_id = of_user AND s.play_count > 0
                   AND NOT EXISTS (SELECT FROM user_song_sums AS summed
                                   WHERE summed.user_id = of_user AND summed.song_id = t.song_id)
                 ORDER BY s.play_count DESC, s.total_ms DESC, t.song_id
                 LIMIT each)) AS counted
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT each) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;

COMMENT ON FUNCTION public.top_songs(of_user bigint, each integer) IS 'One row per song: those that a user played most, the most played first; recordings: how many tracks of it were played.';

CREATE FUNCTION public.top_songs_as_spotify_counts(of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL::date) RETURNS TABLE(song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    first_day date := make_date(of_year, 1, 1);
    last_day date := least(until, make_date(of_year, 12, 31));
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT t.song_id, count(*)::integer AS recordings, sum(streamed.play_count)::bigint AS play_count,
                 sum(streamed.total_ms)::bigint AS total_ms
          FROM tracks_as_spotify_counts(of_user, first_day, last_day) AS streamed
          JOIN tracks AS t ON t.id = streamed.track_id
          GROUP BY t.song_id
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT each) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;

COMMENT ON FUNCTION public.top_songs_as_spotify_counts(of_user bigint, of_year integer, each integer, until date) IS 'One row per song: those that a user streamed most in a UTC year, or in it until the end of a day, the most streamed first; see tracks_as_spotify_counts.';

CREATE FUNCTION public.top_songs_of_month(of_user bigint, of_month date, each integer DEFAULT 50) RETURNS TABLE(song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    this_month date := date_trunc('month', of_month);
    next_month date := this_month + interval '1 month';
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT t.song_id, count(*)::integer AS recordings, sum(counted.play_count)::bigint AS play_count,
                 sum(counted.total_ms)::bigint AS total_ms
          FROM (SELECT track_id, sum(play_count) AS play_count, sum(total_ms) AS total_ms
                FROM (SELECT track_id, play_count, total_ms
                      FROM user_track_months
                      WHERE user_id = of_user AND month = this_month
                      UNION ALL
                      SELECT track_id, play_count, total_ms
                      FROM user_month_edges
                      WHERE user_id = of_user AND month = this_month
                      UNION ALL
                      SELECT track_id, -play_count, -total_ms
                      FROM user_month_edges
                      WHERE user_id = of_user AND month = next_month) AS plays
                GROUP BY track_id
                HAVING sum(play_count) > 0) AS counted
          JOIN tracks AS t ON t.id = counted.track_id
          GROUP BY t.song_id
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT each) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;

COMMENT ON FUNCTION public.top_songs_of_month(of_user bigint, of_month date, each integer) IS 'One row per song: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION public.top_songs_of_year(of_user bigint, of_year integer, each integer DEFAULT 50) RETURNS TABLE(song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT top.song_id, named.name, named.artist, top.recordings, top.play_count, top.total_ms
    FROM (SELECT t.song_id, count(*)::integer AS recordings, sum(kept.play_count) AS play_count,
                 sum(kept.total_ms)::bigint AS total_ms
          FROM user_year_top_tracks AS kept
          JOIN tracks AS t ON t.id = kept.track_id
          WHERE kept.user_id = of_user AND kept.year = of_year
          GROUP BY t.song_id
          ORDER BY play_count DESC, total_ms DESC, song_id
          LIMIT least(each, 50)) AS top
    JOIN named_songs AS named ON named.id = top.song_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.song_id;
END $$;

COMMENT ON FUNCTION public.top_songs_of_year(of_user bigint, of_year integer, each integer) IS 'One row per song: those that a user played most in a local year, of which 50 are kept, the most played first.';

CREATE FUNCTION public.top_tracks(of_user bigint, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM user_track_stats
          WHERE user_id = of_user AND play_count > 0
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT each) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;

COMMENT ON FUNCTION public.top_tracks(of_user bigint, each integer) IS 'One row per track: those that a user played most, the most played first.';

CREATE FUNCTION public.top_tracks_as_spotify_counts(of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL::date) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    first_day date := make_date(of_year, 1, 1);
    last_day date := least(until, make_date(of_year, 12, 31));
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM tracks_as_spotify_counts(of_user, first_day, last_day)
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT each) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;

COMMENT ON FUNCTION public.top_tracks_as_spotify_counts(of_user bigint, of_year integer, each integer, until date) IS 'One row per track: those that a user streamed most in a UTC year, or in it until the end of a day, the most streamed first; see tracks_as_spotify_counts.';

CREATE FUNCTION public.top_tracks_of_month(of_user bigint, of_month date, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    this_month date := date_trunc('month', of_month);
    next_month date := this_month + interval '1 month';
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count, top.total_ms
    FROM (SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms
          FROM (SELECT track_id, play_count, total_ms
                FROM user_track_months
                WHERE user_id = of_user AND month = this_month
                UNION ALL
                SELECT track_id, play_count, total_ms
                FROM user_month_edges
                WHERE user_id = of_user AND month = this_month
                UNION ALL
                SELECT track_id, -play_count, -total_ms
                FROM user_month_edges
                WHERE user_id = of_user AND month = next_month) AS counted
          GROUP BY track_id
          HAVING sum(play_count) > 0
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT each) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;

COMMENT ON FUNCTION public.top_tracks_of_month(of_user bigint, of_month date, each integer) IS 'One row per track: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION public.top_tracks_of_year(of_user bigint, of_year integer, each integer DEFAULT 50) RETURNS TABLE(name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count::bigint, top.total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM user_year_top_tracks
          WHERE user_id = of_user AND year = of_year
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT least(each, 50)) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;

COMMENT ON FUNCTION public.top_tracks_of_year(of_user bigint, of_year integer, each integer) IS 'One row per track: those that a user played most in a local year, of which 50 are kept, the most played first.';

CREATE FUNCTION public.tracks_as_spotify_counts(of_user bigint, first_day date, last_day date) RETURNS TABLE(track_id bigint, play_count bigint, total_ms bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT e.track_id, count(*), sum(e.ms_played)::bigint
    FROM listening_events AS e
    LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
    WHERE e.user_id = of_user AND NOT e.is_skip AND heard.incognito IS NOT TRUE
      AND e.played_at >= first_day::timestamp AT TIME ZONE 'UTC'
      AND e.played_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY e.track_id
$$;

COMMENT ON FUNCTION public.tracks_as_spotify_counts(of_user bigint, first_day date, last_day date) IS 'One row per track that a user streamed for 30 seconds or more in some UTC days, private sessions left out. Of archived months nothing is seen.';

CREATE FUNCTION public.tracks_of_local_months(of_user bigint, first_month date, end_month date) RETURNS TABLE(track_id bigint, play_count bigint, total_ms bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT counted.track_id, sum(counted.play_count)::bigint, sum(counted.total_ms)::bigint
    FROM (SELECT m.track_id, m.play_count, m.total_ms
          FROM user_track_months AS m
          WHERE m.user_id = of_user AND m.month >= first_month AND m.month < end_month
          UNION ALL
          SELECT e.track_id, e.play_count, e.total_ms
          FROM user_month_edges AS e
          WHERE e.user_id = of_user AND e.month = first_month
          UNION ALL
          SELECT e.track_id, -e.play_count, -e.total_ms
          FROM user_month_edges AS e
          WHERE e.user_id = of_user AND e.month = end_month) AS counted
    GROUP BY counted.track_id
    HAVING sum(counted.play_count) > 0
$$;

COMMENT ON FUNCTION public.tracks_of_local_months(of_user bigint, first_month date, end_month date) IS 'One row per track that a user played in some local months, from the first day of one to that of another.';

CREATE FUNCTION public.user_name_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN NORMALIZE(lower(upper(regexp_replace((NORMALIZE(name) COLLATE pg_c_utf8), '^\s+|\s+$'::text, ''::text, 'g'::text))));

COMMENT ON FUNCTION public.user_name_key(name text) IS 'Key of a user''s name: equal for names that differ in Unicode form, outer white space or letter case only.';

CREATE FUNCTION public.version_words(version text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN string_to_array(translate(version, '0123456789/;,.&+-'::text, '                 '::text), ' '::text);

COMMENT ON FUNCTION public.version_words(version text) IS 'The words of a text that says which version a track is, without numbers.';

CREATE AGGREGATE public.last_kept_stream(ended_at timestamp with time zone, started_at timestamp with time zone, ms_played integer) (
    SFUNC = public.keep_stream,
    STYPE = timestamp with time zone[],
    INITCOND = '{}',
    PARALLEL = safe
);

COMMENT ON AGGREGATE public.last_kept_stream(ended_at timestamp with time zone, started_at timestamp with time zone, ms_played integer) IS 'End and start of the last stream that is kept, of rows of one track and length in the order of their ends.';

CREATE TABLE public.albums (
    id bigint NOT NULL,
    spotify_id text,
    name text NOT NULL,
    name_key uuid GENERATED ALWAYS AS (public.name_key(name)) STORED,
    artist_key uuid,
    release_date text,
    image_url text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_canonical_for_name boolean DEFAULT true NOT NULL
);

COMMENT ON TABLE public.albums IS 'One row per album.';

COMMENT ON COLUMN public.albums.id IS 'surrogate key';

COMMENT ON COLUMN public.albums.spotify_id IS 'Spotify album id; NULL while only exports name the album';

COMMENT ON COLUMN public.albums.name IS 'name: Spotify''s where it is known, otherwise the latest that exports give';

COMMENT ON COLUMN public.albums.name_key IS 'name_key of name';

COMMENT ON COLUMN public.albums.artist_key IS 'name_key of the album''s first artist; NULL while unknown';

COMMENT ON COLUMN public.albums.release_date IS 'year, month or day (2011, 2011-06 or 2011-06-20): of this edition as Spotify tells it or, where it tells none, of the first release by MusicBrainz; NULL while unknown';

COMMENT ON COLUMN public.albums.image_url IS 'address of the largest image; NULL while unknown';

COMMENT ON COLUMN public.albums.updated_at IS 'when the row last changed';

COMMENT ON COLUMN public.albums.is_canonical_for_name IS 'is meant where only names are given; of several albums with one name and artist, that with the least spotify_id';

ALTER TABLE public.albums ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.albums_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.api_tokens (
    id bigint NOT NULL,
    user_id bigint,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    rights text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    expires_at timestamp with time zone,
    CONSTRAINT api_tokens_expires_at_check CHECK (((expires_at >= '1970-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at <= '9999-12-31 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT api_tokens_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_tokens_rights_check CHECK ((cardinality(rights) > 0)),
    CONSTRAINT api_tokens_secret_hash_check CHECK ((length(secret_hash) = 32))
);

COMMENT ON TABLE public.api_tokens IS 'One row per token of a program. To revoke it is to delete it.';

COMMENT ON COLUMN public.api_tokens.id IS 'surrogate key';

COMMENT ON COLUMN public.api_tokens.user_id IS 'users.id of whose data it opens; NULL: the operator, no listener''s data';

COMMENT ON COLUMN public.api_tokens.name IS 'what it is for, in its maker''s words';

COMMENT ON COLUMN public.api_tokens.secret_hash IS 'SHA-256 of the token, which was shown once';

COMMENT ON COLUMN public.api_tokens.rights IS 'what it allows: stats:read, history:read, listens:write, corrections:write, embed:read, metrics:read';

COMMENT ON COLUMN public.api_tokens.created_at IS 'when it was made';

COMMENT ON COLUMN public.api_tokens.last_used_at IS 'when it was last used, to some minutes; NULL: never';

COMMENT ON COLUMN public.api_tokens.expires_at IS 'until when it can be used; NULL: until it is revoked';

ALTER TABLE public.api_tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.archived_months (
    month date NOT NULL,
    part integer NOT NULL,
    folder text NOT NULL,
    manifest_sha256 text NOT NULL,
    imported_plays bigint NOT NULL,
    polled_plays bigint NOT NULL,
    listening_events bigint NOT NULL,
    bytes bigint NOT NULL,
    archived_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT archived_months_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT archived_months_imported_plays_check CHECK ((imported_plays >= 0)),
    CONSTRAINT archived_months_listening_events_check CHECK ((listening_events >= 0)),
    CONSTRAINT archived_months_manifest_sha256_check CHECK ((manifest_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT archived_months_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT archived_months_part_check CHECK ((part > 0)),
    CONSTRAINT archived_months_polled_plays_check CHECK ((polled_plays >= 0))
);

COMMENT ON TABLE public.archived_months IS 'One row per UTC month and part: one folder of the archive.';

COMMENT ON COLUMN public.archived_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.archived_months.part IS 'counts from 1: plays that were restored, or that arrive later, make a new part';

COMMENT ON COLUMN public.archived_months.folder IS 'folder of the files, relative to MYI_ARCHIVE_URL';

COMMENT ON COLUMN public.archived_months.manifest_sha256 IS 'SHA-256 of manifest.json, hexadecimal; the manifest has the checksums of the other files';

COMMENT ON COLUMN public.archived_months.imported_plays IS 'rows in imported_plays.parquet';

COMMENT ON COLUMN public.archived_months.polled_plays IS 'rows in polled_plays.parquet';

COMMENT ON COLUMN public.archived_months.listening_events IS 'rows in listening_events.parquet';

COMMENT ON COLUMN public.archived_months.bytes IS 'bytes of all files';

COMMENT ON COLUMN public.archived_months.archived_at IS 'when the month was archived';

CREATE TABLE public.archived_names (
    export_track_id bigint NOT NULL,
    user_id bigint NOT NULL,
    month date NOT NULL,
    has_unknown_length boolean NOT NULL
);

COMMENT ON TABLE public.archived_names IS 'One row per archived user-month and export_tracks row of account data in it: a search may find the track later, or Spotify or MusicBrainz tell its length.';

COMMENT ON COLUMN public.archived_names.export_track_id IS 'export_tracks.id';

COMMENT ON COLUMN public.archived_names.user_id IS 'users.id';

COMMENT ON COLUMN public.archived_names.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.archived_names.has_unknown_length IS 'a play of these names in the month tells no length, so that it lasts as long as its track; true also if the month was archived before this was recorded';

CREATE TABLE public.artists (
    id bigint NOT NULL,
    spotify_id text,
    name text NOT NULL,
    name_key uuid GENERATED ALWAYS AS (public.name_key(name)) STORED,
    genres text[] DEFAULT '{}'::text[] NOT NULL,
    image_url text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_canonical_for_name boolean DEFAULT true NOT NULL
);

COMMENT ON TABLE public.artists IS 'One row per artist.';

COMMENT ON COLUMN public.artists.id IS 'surrogate key';

COMMENT ON COLUMN public.artists.spotify_id IS 'Spotify artist id; NULL while only exports name the artist';

COMMENT ON COLUMN public.artists.name IS 'name: Spotify''s where it is known, otherwise the latest that exports give';

COMMENT ON COLUMN public.artists.name_key IS 'name_key of name';

COMMENT ON COLUMN public.artists.genres IS 'genres that Spotify tells or, where it tells none, MusicBrainz; empty while unknown';

COMMENT ON COLUMN public.artists.image_url IS 'address of the largest image; NULL while unknown';

COMMENT ON COLUMN public.artists.updated_at IS 'when the row last changed';

COMMENT ON COLUMN public.artists.is_canonical_for_name IS 'is meant where only the name is given; of several artists with one name, that with the least spotify_id';

CREATE TABLE public.musicbrainz_objects (
    object_type text NOT NULL,
    mbid uuid NOT NULL,
    payload jsonb NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    length_keys uuid[] GENERATED ALWAYS AS (public.recording_keys((payload -> 'recordings'::text))) STORED,
    lengths_ms integer[] GENERATED ALWAYS AS (public.recording_lengths((payload -> 'recordings'::text))) STORED,
    CONSTRAINT musicbrainz_objects_object_type_check CHECK ((object_type = 'artist'::text))
);

COMMENT ON TABLE public.musicbrainz_objects IS 'One row per artist that MusicBrainz''s API returned.';

COMMENT ON COLUMN public.musicbrainz_objects.object_type IS 'artist';

COMMENT ON COLUMN public.musicbrainz_objects.mbid IS 'MusicBrainz id that was requested';

COMMENT ON COLUMN public.musicbrainz_objects.payload IS 'name; genres, each with its votes; albums with the dates of their first release, where Spotify lacks dates; recordings with their lengths, where Spotify lacks lengths';

COMMENT ON COLUMN public.musicbrainz_objects.fetched_at IS 'when it was last fetched';

COMMENT ON COLUMN public.musicbrainz_objects.length_keys IS 'key of the folded title of each of the payload''s recordings, in their order; NULL: they were not asked for';

COMMENT ON COLUMN public.musicbrainz_objects.lengths_ms IS 'length of each of the payload''s recordings, in their order; NULL: they were not asked for';

CREATE TABLE public.musicbrainz_searches (
    object_type text NOT NULL,
    key text NOT NULL,
    mbid uuid,
    searched_at timestamp with time zone NOT NULL,
    CONSTRAINT musicbrainz_searches_object_type_check CHECK ((object_type = 'artist'::text))
);

COMMENT ON TABLE public.musicbrainz_searches IS 'One row per artist that was looked for at MusicBrainz, by Spotify id or by name.';

COMMENT ON COLUMN public.musicbrainz_searches.object_type IS 'artist';

COMMENT ON COLUMN public.musicbrainz_searches.key IS 'artists.spotify_id; artists.name_key of a provisional artist';

COMMENT ON COLUMN public.musicbrainz_searches.mbid IS 'MusicBrainz id of the only artist that matches; NULL: none does, or several do';

COMMENT ON COLUMN public.musicbrainz_searches.searched_at IS 'when it was last looked for';

CREATE TABLE public.spotify_objects (
    object_type text NOT NULL,
    spotify_id text NOT NULL,
    payload jsonb,
    is_gone boolean DEFAULT false NOT NULL,
    fetched_at timestamp with time zone DEFAULT now() NOT NULL,
    is_full boolean DEFAULT false NOT NULL,
    CONSTRAINT spotify_objects_check CHECK ((is_gone OR (payload IS NOT NULL))),
    CONSTRAINT spotify_objects_check1 CHECK (((payload IS NOT NULL) OR (NOT is_full))),
    CONSTRAINT spotify_objects_object_type_check CHECK ((object_type = ANY (ARRAY['track'::text, 'album'::text, 'artist'::text])))
);

COMMENT ON TABLE public.spotify_objects IS 'One row per track, album or artist that Spotify''s API returned, under the id that was requested.';

COMMENT ON COLUMN public.spotify_objects.object_type IS 'track, album or artist';

COMMENT ON COLUMN public.spotify_objects.spotify_id IS 'Spotify id that was requested';

COMMENT ON COLUMN public.spotify_objects.payload IS 'all fields that Spotify ever returned, each with its latest value; nested objects reduced to their ids and names';

COMMENT ON COLUMN public.spotify_objects.is_gone IS 'Spotify no longer knows the id';

COMMENT ON COLUMN public.spotify_objects.fetched_at IS 'when the row last changed';

COMMENT ON COLUMN public.spotify_objects.is_full IS 'the payload is the whole object, not only its mention in another one';

CREATE VIEW public.artist_genres AS
 SELECT a.id AS artist_id,
        CASE
            WHEN (o.payload ? 'genres'::text) THEN ARRAY( SELECT jsonb_array_elements_text((o.payload -> 'genres'::text)) AS jsonb_array_elements_text)
            ELSE ( SELECT COALESCE(array_agg(voted.name ORDER BY voted.count DESC, (voted.name COLLATE "C")), '{}'::text[]) AS "coalesce"
               FROM ( SELECT genre.name,
                        genre.count
                       FROM (public.musicbrainz_objects mb
                         CROSS JOIN LATERAL jsonb_to_recordset((mb.payload -> 'genres'::text)) genre(name text, count integer))
                      WHERE ((mb.object_type = 'artist'::text) AND (mb.mbid = found.mbid) AND (genre.count > 0))
                      ORDER BY genre.count DESC, (genre.name COLLATE "C")
                     LIMIT 5) voted)
        END AS genres,
    found.key AS searched_key,
    ((NOT COALESCE((o.payload ? 'genres'::text), false)) AND (found.mbid IS NOT NULL)) AS is_of_musicbrainz
   FROM ((public.artists a
     LEFT JOIN public.spotify_objects o ON (((o.object_type = 'artist'::text) AND (o.spotify_id = a.spotify_id))))
     LEFT JOIN LATERAL ( SELECT s.key,
            s.mbid
           FROM public.musicbrainz_searches s
          WHERE ((s.object_type = 'artist'::text) AND ((s.key = a.spotify_id) OR ((s.key = (a.name_key)::text) AND a.is_canonical_for_name AND (NOT (EXISTS ( SELECT
                   FROM public.artists other
                  WHERE ((other.name_key = a.name_key) AND (NOT other.is_canonical_for_name))))))))
          ORDER BY (s.key = a.spotify_id) DESC NULLS LAST
         LIMIT 1) found ON (true));

COMMENT ON VIEW public.artist_genres IS 'One row per artist: its genres as landing has them. Those that Spotify tells come first; MusicBrainz'' five with most votes stand in for none.';

COMMENT ON COLUMN public.artist_genres.artist_id IS 'artists.id';

COMMENT ON COLUMN public.artist_genres.genres IS 'what artists.genres is';

COMMENT ON COLUMN public.artist_genres.searched_key IS 'musicbrainz_searches.key of the search that counts: by id, or by the name if no other artist has it; NULL: none';

COMMENT ON COLUMN public.artist_genres.is_of_musicbrainz IS 'the genres are MusicBrainz''';

ALTER TABLE public.artists ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.artists_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.awaited_logins (
    state_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    answer text,
    CONSTRAINT awaited_logins_answer_check CHECK ((length(answer) <= 4000)),
    CONSTRAINT awaited_logins_state_hash_check CHECK ((length(state_hash) = 32))
);

COMMENT ON TABLE public.awaited_logins IS 'One row per login at the terminal that waits for the web server to pass on what Spotify answers.';

COMMENT ON COLUMN public.awaited_logins.state_hash IS 'SHA-256 of the state that the answer must have';

COMMENT ON COLUMN public.awaited_logins.expires_at IS 'until when the login waits';

COMMENT ON COLUMN public.awaited_logins.answer IS 'the query of the address that Spotify sent the browser to: of no use without the verifier, which the login keeps';

CREATE TABLE public.catalog_version (
    is_only boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT catalog_version_is_only_check CHECK (is_only)
)
WITH (fillfactor='50');

COMMENT ON TABLE public.catalog_version IS 'One row per warehouse: how often names, songs, albums and credits were written.';

COMMENT ON COLUMN public.catalog_version.is_only IS 'true: there is one row';

COMMENT ON COLUMN public.catalog_version.version IS 'moved by each commit of the catalog';

CREATE TABLE public.corrected_song_keys (
    track_id bigint NOT NULL,
    song_key uuid NOT NULL,
    is_only_key boolean NOT NULL
);

COMMENT ON TABLE public.corrected_song_keys IS 'One row per track that a correction joins with others or makes a song of its own, and key that does so.';

COMMENT ON COLUMN public.corrected_song_keys.track_id IS 'tracks.id';

COMMENT ON COLUMN public.corrected_song_keys.song_key IS 'key that the correction gives the track';

COMMENT ON COLUMN public.corrected_song_keys.is_only_key IS 'the names and the ISRC of the track are no keys: it was split off';

ALTER TABLE public.corrections ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.corrections_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cover_images (
    image_url text NOT NULL,
    content bytea,
    key uuid DEFAULT gen_random_uuid() NOT NULL,
    media_type text,
    fetched_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cover_images_check CHECK (((content IS NULL) = (media_type IS NULL))),
    CONSTRAINT cover_images_media_type_check CHECK ((media_type = ANY (ARRAY['image/jpeg'::text, 'image/png'::text, 'image/webp'::text])))
);
ALTER TABLE ONLY public.cover_images ALTER COLUMN content SET STORAGE EXTERNAL;

COMMENT ON TABLE public.cover_images IS 'One row per picture of an album or artist that is kept, or could not be fetched.';

COMMENT ON COLUMN public.cover_images.image_url IS 'albums.image_url or artists.image_url: the address of the largest size';

COMMENT ON COLUMN public.cover_images.content IS 'the picture, of about 300 pixels; NULL: it could not be fetched';

COMMENT ON COLUMN public.cover_images.key IS 'in the address under which pages show it: chosen by chance, so that it tells nothing; another for another picture';

COMMENT ON COLUMN public.cover_images.media_type IS 'what its first bytes say that it is; NULL if it could not be fetched';

COMMENT ON COLUMN public.cover_images.fetched_at IS 'when it was fetched, or could not be';

CREATE TABLE public.episode_events (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    played_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    export_track_id bigint NOT NULL,
    ms_played integer NOT NULL,
    kind public.content_kind NOT NULL,
    context_id integer,
    CONSTRAINT episode_events_kind_check CHECK ((kind <> 'TRACK'::public.content_kind)),
    CONSTRAINT episode_events_ms_played_check CHECK ((ms_played >= 0))
);

COMMENT ON TABLE public.episode_events IS 'One row per play that counts of something that is not music: an episode, a chapter, a video, or nothing that is named. Never archived.';

COMMENT ON COLUMN public.episode_events.id IS 'surrogate key';

COMMENT ON COLUMN public.episode_events.user_id IS 'users.id';

COMMENT ON COLUMN public.episode_events.played_at IS 'end of the play; in account data the minute of the end';

COMMENT ON COLUMN public.episode_events.created_at IS 'when the row was written';

COMMENT ON COLUMN public.episode_events.export_track_id IS 'export_tracks.id: what was played; see named_episodes';

COMMENT ON COLUMN public.episode_events.ms_played IS 'milliseconds heard';

COMMENT ON COLUMN public.episode_events.kind IS 'what was played: EPISODE, CHAPTER, VIDEO or UNIDENTIFIED';

COMMENT ON COLUMN public.episode_events.context_id IS 'play_contexts.id: how the play was heard; NULL where that is not known (account data)';

ALTER TABLE public.episode_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.episode_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.export_track_links (
    export_track_id bigint NOT NULL,
    track_id bigint NOT NULL
);

COMMENT ON TABLE public.export_track_links IS 'One row per export_tracks row: the track that it names.';

COMMENT ON COLUMN public.export_track_links.export_track_id IS 'export_tracks.id; rows there are never deleted';

COMMENT ON COLUMN public.export_track_links.track_id IS 'tracks.id';

CREATE TABLE public.export_tracks (
    id bigint NOT NULL,
    spotify_id text,
    track_name text,
    artist_name text,
    album_name text,
    last_played_at timestamp with time zone NOT NULL,
    fingerprint uuid GENERATED ALWAYS AS (public.export_track_fingerprint(kind, spotify_id, track_name, artist_name, album_name)) STORED NOT NULL,
    track_key uuid GENERATED ALWAYS AS (public.name_key(track_name)) STORED,
    artist_key uuid GENERATED ALWAYS AS (public.name_key(artist_name)) STORED,
    album_key uuid GENERATED ALWAYS AS (public.name_key(album_name)) STORED,
    kind public.content_kind DEFAULT 'TRACK'::public.content_kind NOT NULL,
    song_key uuid GENERATED ALWAYS AS (
CASE
    WHEN (kind = 'TRACK'::public.content_kind) THEN public.song_key(track_name, artist_name)
    ELSE NULL::uuid
END) STORED,
    CONSTRAINT export_tracks_names_something CHECK (((kind <> 'TRACK'::public.content_kind) OR (spotify_id IS NOT NULL) OR ((track_name IS NOT NULL) AND (artist_name IS NOT NULL))))
);

COMMENT ON TABLE public.export_tracks IS 'One row per distinct combination of kind, Spotify id and names that exports give what was played.';

COMMENT ON COLUMN public.export_tracks.id IS 'surrogate key';

COMMENT ON COLUMN public.export_tracks.spotify_id IS 'Spotify id of the track, episode or chapter; NULL in account data, for local files and in most submitted plays';

COMMENT ON COLUMN public.export_tracks.track_name IS 'name of the track, episode or chapter; NULL if not given';

COMMENT ON COLUMN public.export_tracks.artist_name IS 'name of the album artist, of the podcast''s show, or of the audiobook''s author; NULL if not given';

COMMENT ON COLUMN public.export_tracks.album_name IS 'name of the album or audiobook; NULL if not given';

COMMENT ON COLUMN public.export_tracks.last_played_at IS 'end of the latest landed play of this row: the latest names win';

COMMENT ON COLUMN public.export_tracks.fingerprint IS 'hash of kind, spotify_id and the three names';

COMMENT ON COLUMN public.export_tracks.track_key IS 'name_key of track_name; NULL if that is';

COMMENT ON COLUMN public.export_tracks.artist_key IS 'name_key of artist_name; NULL if that is';

COMMENT ON COLUMN public.export_tracks.album_key IS 'name_key of album_name; NULL if that is';

COMMENT ON COLUMN public.export_tracks.kind IS 'what was played: music (TRACK) or something else';

COMMENT ON COLUMN public.export_tracks.song_key IS 'song_key of track_name and artist_name; NULL if one is not given';

ALTER TABLE public.export_tracks ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.export_tracks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.hidden_periods AS
 SELECT user_id,
    id AS correction_id,
    COALESCE(((what ->> 'from'::text))::timestamp with time zone, '-infinity'::timestamp with time zone) AS starts_at,
    COALESCE(((what ->> 'until'::text))::timestamp with time zone, 'infinity'::timestamp with time zone) AS ends_at
   FROM public.corrections c
  WHERE (kind = 'HIDE_PERIOD'::public.correction_kind);

COMMENT ON VIEW public.hidden_periods IS 'One row per period that a correction hides: plays that end in it do not count.';

COMMENT ON COLUMN public.hidden_periods.user_id IS 'users.id';

COMMENT ON COLUMN public.hidden_periods.correction_id IS 'corrections.id';

COMMENT ON COLUMN public.hidden_periods.starts_at IS 'first instant of the period';

COMMENT ON COLUMN public.hidden_periods.ends_at IS 'first instant after the period';

CREATE TABLE public.track_aliases (
    spotify_id text NOT NULL,
    track_id bigint NOT NULL
);

COMMENT ON TABLE public.track_aliases IS 'One row per further Spotify id that was relinked to a track.';

COMMENT ON COLUMN public.track_aliases.spotify_id IS 'Spotify track id, other than tracks.spotify_id';

COMMENT ON COLUMN public.track_aliases.track_id IS 'tracks.id';

CREATE TABLE public.tracks (
    id bigint NOT NULL,
    spotify_id text,
    name text,
    name_key uuid,
    artist_key uuid,
    album_id bigint,
    duration_ms integer,
    isrc text,
    preview_url text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    merged_into bigint,
    song_id bigint NOT NULL,
    payload_song_key uuid,
    CONSTRAINT tracks_duration_ms_check CHECK ((duration_ms > 0)),
    CONSTRAINT tracks_known_by CHECK (((spotify_id IS NOT NULL) OR (merged_into IS NOT NULL) OR ((name_key IS NOT NULL) AND (artist_key IS NOT NULL)))),
    CONSTRAINT tracks_merged_without_id CHECK (((merged_into IS NULL) OR (spotify_id IS NULL)))
);

COMMENT ON TABLE public.tracks IS 'One row per track, with all Spotify ids that were relinked to it.';

COMMENT ON COLUMN public.tracks.id IS 'surrogate key';

COMMENT ON COLUMN public.tracks.spotify_id IS 'Spotify track id; NULL while only account data names the track, or once it is merged';

COMMENT ON COLUMN public.tracks.name IS 'name: Spotify''s where it is known, otherwise the latest that exports give; NULL while only polls know the track';

COMMENT ON COLUMN public.tracks.name_key IS 'name_key that account data matches: of the latest name in exports, otherwise of Spotify''s; NULL while unknown';

COMMENT ON COLUMN public.tracks.artist_key IS 'name_key of the artist that account data matches; NULL while unknown';

COMMENT ON COLUMN public.tracks.album_id IS 'albums.id; NULL while the album is unknown; of a merged track that of merged_into';

COMMENT ON COLUMN public.tracks.duration_ms IS 'length in milliseconds: Spotify''s or, where it tells none, that of the recordings of this title by MusicBrainz; NULL while unknown';

COMMENT ON COLUMN public.tracks.isrc IS 'International Standard Recording Code; NULL while unknown';

COMMENT ON COLUMN public.tracks.preview_url IS 'address of a 30-second preview; NULL where Spotify gives none';

COMMENT ON COLUMN public.tracks.updated_at IS 'when the row last changed';

COMMENT ON COLUMN public.tracks.merged_into IS 'tracks.id of the track that this one is the same as; the row is deleted once no other row refers to it; else NULL';

COMMENT ON COLUMN public.tracks.song_id IS 'songs.id; a merged track has that of the track that it is the same as';

COMMENT ON COLUMN public.tracks.payload_song_key IS 'song_key of Spotify''s name and first artist; NULL while unknown, and for Various Artists if exports know better';

CREATE VIEW public.hidden_plays AS
 SELECT c.user_id,
    c.id AS correction_id,
    track.id AS track_id,
    ((c.what ->> 'played_at'::text))::timestamp with time zone AS played_at,
    ((c.what ->> 'ms_played'::text))::integer AS ms_played
   FROM (public.corrections c
     CROSS JOIN LATERAL ( SELECT t.id
           FROM public.tracks t
          WHERE (t.spotify_id = (c.what ->> 'spotify_id'::text))
        UNION
         SELECT alias.track_id
           FROM public.track_aliases alias
          WHERE (alias.spotify_id = (c.what ->> 'spotify_id'::text))
        UNION
         SELECT link.track_id
           FROM (public.export_tracks e
             JOIN public.export_track_links link ON ((link.export_track_id = e.id)))
          WHERE ((e.spotify_id IS NULL) AND (e.track_key = public.name_key((c.what ->> 'track'::text))) AND (e.artist_key = public.name_key((c.what ->> 'artist'::text))))) track)
  WHERE (c.kind = 'HIDE_PLAY'::public.correction_kind);

COMMENT ON VIEW public.hidden_plays IS 'One row per play that a correction hides, as the catalog is now.';

COMMENT ON COLUMN public.hidden_plays.user_id IS 'users.id';

COMMENT ON COLUMN public.hidden_plays.correction_id IS 'corrections.id';

COMMENT ON COLUMN public.hidden_plays.track_id IS 'tracks.id';

COMMENT ON COLUMN public.hidden_plays.played_at IS 'end of the play as it was when it was hidden; a better source may place it elsewhere';

COMMENT ON COLUMN public.hidden_plays.ms_played IS 'milliseconds heard, as they were when it was hidden';

CREATE VIEW public.hidden_shows AS
 SELECT c.user_id,
    c.id AS correction_id,
    e.id AS export_track_id
   FROM ((public.corrections c
     CROSS JOIN LATERAL jsonb_array_elements_text((c.what -> 'shows'::text)) show(name))
     JOIN public.export_tracks e ON (((e.kind <> 'TRACK'::public.content_kind) AND (public.name_key(show.name) =
        CASE e.kind
            WHEN 'CHAPTER'::public.content_kind THEN e.album_key
            ELSE e.artist_key
        END))))
  WHERE (c.kind = 'HIDE_SHOW'::public.correction_kind);

COMMENT ON VIEW public.hidden_shows IS 'One row per row of export_tracks that is not music, and correction that hides its show or audiobook.';

COMMENT ON COLUMN public.hidden_shows.user_id IS 'users.id';

COMMENT ON COLUMN public.hidden_shows.correction_id IS 'corrections.id';

COMMENT ON COLUMN public.hidden_shows.export_track_id IS 'export_tracks.id, as in episode_events';

CREATE TABLE public.track_artists (
    track_id bigint NOT NULL,
    artist_id bigint NOT NULL,
    "position" smallint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE public.track_artists IS 'One row per track and artist credited on it.';

COMMENT ON COLUMN public.track_artists.track_id IS 'tracks.id';

COMMENT ON COLUMN public.track_artists.artist_id IS 'artists.id';

COMMENT ON COLUMN public.track_artists."position" IS 'order of the credits, from 0';

CREATE VIEW public.hidden_tracks AS
 SELECT c.user_id,
    c.id AS correction_id,
    t.id AS track_id
   FROM (public.corrections c
     JOIN public.tracks t ON ((t.spotify_id = (c.what ->> 'spotify_id'::text))))
  WHERE (c.kind = 'HIDE_TRACK'::public.correction_kind)
UNION ALL
 SELECT c.user_id,
    c.id AS correction_id,
    alias.track_id
   FROM (public.corrections c
     JOIN public.track_aliases alias ON ((alias.spotify_id = (c.what ->> 'spotify_id'::text))))
  WHERE (c.kind = 'HIDE_TRACK'::public.correction_kind)
UNION ALL
 SELECT DISTINCT c.user_id,
    c.id AS correction_id,
    link.track_id
   FROM ((public.corrections c
     JOIN public.export_tracks e ON (((e.spotify_id IS NULL) AND (e.track_key = public.name_key((c.what ->> 'track'::text))) AND (e.artist_key = public.name_key((c.what ->> 'artist'::text))))))
     JOIN public.export_track_links link ON ((link.export_track_id = e.id)))
  WHERE (c.kind = 'HIDE_TRACK'::public.correction_kind)
UNION ALL
 SELECT DISTINCT song.user_id,
    song.id AS correction_id,
    t.id AS track_id
   FROM (( SELECT c.user_id,
            c.id,
            named.song_id
           FROM (public.corrections c
             JOIN public.tracks named ON ((named.spotify_id = (c.what ->> 'spotify_id'::text))))
          WHERE (c.kind = 'HIDE_SONG'::public.correction_kind)
        UNION ALL
         SELECT c.user_id,
            c.id,
            named.song_id
           FROM ((public.corrections c
             JOIN public.track_aliases alias ON ((alias.spotify_id = (c.what ->> 'spotify_id'::text))))
             JOIN public.tracks named ON ((named.id = alias.track_id)))
          WHERE (c.kind = 'HIDE_SONG'::public.correction_kind)
        UNION ALL
         SELECT c.user_id,
            c.id,
            named.song_id
           FROM (((public.corrections c
             JOIN public.export_tracks e ON (((e.spotify_id IS NULL) AND (e.track_key = public.name_key((c.what ->> 'track'::text))) AND (e.artist_key = public.name_key((c.what ->> 'artist'::text))))))
             JOIN public.export_track_links link ON ((link.export_track_id = e.id)))
             JOIN public.tracks named ON ((named.id = link.track_id)))
          WHERE (c.kind = 'HIDE_SONG'::public.correction_kind)) song
     JOIN public.tracks t ON ((t.song_id = song.song_id)))
UNION ALL
 SELECT c.user_id,
    c.id AS correction_id,
    credit.track_id
   FROM ((public.corrections c
     JOIN public.artists a ON ((a.spotify_id = (c.what ->> 'spotify_id'::text))))
     JOIN public.track_artists credit ON ((credit.artist_id = a.id)))
  WHERE (c.kind = 'HIDE_ARTIST'::public.correction_kind)
UNION ALL
 SELECT c.user_id,
    c.id AS correction_id,
    credit.track_id
   FROM ((public.corrections c
     JOIN public.artists a ON (((a.name_key = public.name_key((c.what ->> 'artist'::text))) AND a.is_canonical_for_name)))
     JOIN public.track_artists credit ON ((credit.artist_id = a.id)))
  WHERE (c.kind = 'HIDE_ARTIST'::public.correction_kind)
UNION ALL
 SELECT c.user_id,
    c.id AS correction_id,
    t.id AS track_id
   FROM ((public.corrections c
     JOIN public.albums a ON ((a.spotify_id = (c.what ->> 'spotify_id'::text))))
     JOIN public.tracks t ON ((t.album_id = a.id)))
  WHERE (c.kind = 'HIDE_ALBUM'::public.correction_kind)
UNION ALL
 SELECT c.user_id,
    c.id AS correction_id,
    t.id AS track_id
   FROM ((public.corrections c
     JOIN public.albums a ON (((a.name_key = public.name_key((c.what ->> 'album'::text))) AND a.is_canonical_for_name AND (NOT (a.artist_key IS DISTINCT FROM public.name_key((c.what ->> 'artist'::text)))))))
     JOIN public.tracks t ON ((t.album_id = a.id)))
  WHERE (c.kind = 'HIDE_ALBUM'::public.correction_kind);

COMMENT ON VIEW public.hidden_tracks IS 'One row per track and correction that hides it, as the catalog is now.';

COMMENT ON COLUMN public.hidden_tracks.user_id IS 'users.id';

COMMENT ON COLUMN public.hidden_tracks.correction_id IS 'corrections.id';

COMMENT ON COLUMN public.hidden_tracks.track_id IS 'tracks.id';

CREATE TABLE public.import_job_duplicates (
    user_id bigint NOT NULL,
    job_id integer NOT NULL,
    month date NOT NULL,
    play_hashes bigint[] NOT NULL
);
ALTER TABLE ONLY public.import_job_duplicates ALTER COLUMN play_hashes SET STORAGE EXTERNAL;

COMMENT ON TABLE public.import_job_duplicates IS 'One row per import job and UTC month of which it has rows that another import had landed before.';

COMMENT ON COLUMN public.import_job_duplicates.user_id IS 'users.id';

COMMENT ON COLUMN public.import_job_duplicates.job_id IS 'import_jobs.id';

COMMENT ON COLUMN public.import_job_duplicates.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.import_job_duplicates.play_hashes IS 'imported_play_hash of these rows; of the rows of the month that the job landed first, too';

CREATE TABLE public.import_jobs (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    file_name text NOT NULL,
    sha256 text NOT NULL,
    status public.job_status DEFAULT 'PENDING'::public.job_status NOT NULL,
    total_bytes bigint,
    processed_bytes bigint DEFAULT 0 NOT NULL,
    total_rows bigint,
    processed_rows bigint DEFAULT 0 NOT NULL,
    added_rows bigint DEFAULT 0 NOT NULL,
    duplicate_rows bigint DEFAULT 0 NOT NULL,
    rejected jsonb DEFAULT '{}'::jsonb NOT NULL,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    reader smallint DEFAULT 1 NOT NULL,
    notes text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT import_jobs_check CHECK (((status = 'FAILED'::public.job_status) = (error_message IS NOT NULL))),
    CONSTRAINT import_jobs_check1 CHECK (((status = ANY (ARRAY['COMPLETED'::public.job_status, 'FAILED'::public.job_status])) = (completed_at IS NOT NULL))),
    CONSTRAINT import_jobs_notes_check CHECK ((cardinality(notes) <= 50)),
    CONSTRAINT import_jobs_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

COMMENT ON TABLE public.import_jobs IS 'One row per uploaded file of a user and attempt to land it.';

COMMENT ON COLUMN public.import_jobs.id IS 'surrogate key';

COMMENT ON COLUMN public.import_jobs.user_id IS 'users.id';

COMMENT ON COLUMN public.import_jobs.file_name IS 'name of the file, as uploaded last';

COMMENT ON COLUMN public.import_jobs.sha256 IS 'SHA-256 of the file, hexadecimal: the same file is landed once per user';

COMMENT ON COLUMN public.import_jobs.status IS 'state of the job';

COMMENT ON COLUMN public.import_jobs.total_bytes IS 'bytes of the file; NULL while unknown';

COMMENT ON COLUMN public.import_jobs.processed_bytes IS 'bytes read so far';

COMMENT ON COLUMN public.import_jobs.total_rows IS 'rows of the file; NULL until the job is completed';

COMMENT ON COLUMN public.import_jobs.processed_rows IS 'rows read so far';

COMMENT ON COLUMN public.import_jobs.added_rows IS 'rows that were new to imported_plays';

COMMENT ON COLUMN public.import_jobs.duplicate_rows IS 'rows that were in imported_plays already, or that the file repeats';

COMMENT ON COLUMN public.import_jobs.rejected IS 'number of rows that give no listening event, by reason';

COMMENT ON COLUMN public.import_jobs.error_message IS 'why the job failed; NULL unless it did';

COMMENT ON COLUMN public.import_jobs.created_at IS 'when the file was first seen';

COMMENT ON COLUMN public.import_jobs.started_at IS 'when the last attempt began; NULL before the first';

COMMENT ON COLUMN public.import_jobs.completed_at IS 'when the job was completed or failed; NULL until then';

COMMENT ON COLUMN public.import_jobs.reader IS 'version of the reader of exports that read the file: a file that an older one read is read again when it comes';

COMMENT ON COLUMN public.import_jobs.notes IS 'one line for each thing that was left out of the file or looks odd in it';

ALTER TABLE public.import_jobs ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.import_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invalidated_user_months (
    user_id bigint NOT NULL,
    month date NOT NULL,
    stage public.derivation_stage NOT NULL,
    marked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT invalidated_user_months_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON TABLE public.invalidated_user_months IS 'One row per user, UTC month and stage that has to be derived again: the work that is left.';

COMMENT ON COLUMN public.invalidated_user_months.user_id IS 'users.id';

COMMENT ON COLUMN public.invalidated_user_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.invalidated_user_months.stage IS 'what has to be derived again: EVENTS or STATS';

COMMENT ON COLUMN public.invalidated_user_months.marked_at IS 'when the user-month was invalidated';

CREATE TABLE public.latest_metadata_run (
    is_only boolean DEFAULT true NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    calls integer NOT NULL,
    fetched integer NOT NULL,
    failed integer NOT NULL,
    stopped text,
    is_broken boolean NOT NULL,
    plays bigint NOT NULL,
    plays_with_metadata bigint NOT NULL,
    CONSTRAINT latest_metadata_run_calls_check CHECK ((calls >= 0)),
    CONSTRAINT latest_metadata_run_failed_check CHECK ((failed >= 0)),
    CONSTRAINT latest_metadata_run_fetched_check CHECK ((fetched >= 0)),
    CONSTRAINT latest_metadata_run_is_only_check CHECK (is_only)
);

COMMENT ON TABLE public.latest_metadata_run IS 'One row per warehouse: the latest run that fetched metadata.';

COMMENT ON COLUMN public.latest_metadata_run.is_only IS 'true: there is one row';

COMMENT ON COLUMN public.latest_metadata_run.ended_at IS 'when the run ended';

COMMENT ON COLUMN public.latest_metadata_run.calls IS 'calls that it made';

COMMENT ON COLUMN public.latest_metadata_run.fetched IS 'tracks, albums and artists that it fetched, and names that it found';

COMMENT ON COLUMN public.latest_metadata_run.failed IS 'objects and names for which Spotify gave no usable reply';

COMMENT ON COLUMN public.latest_metadata_run.stopped IS 'why it ended early; NULL if it fetched everything that it could';

COMMENT ON COLUMN public.latest_metadata_run.is_broken IS 'whether refusals or failures in a row ended it, not a limit of calls';

COMMENT ON COLUMN public.latest_metadata_run.plays IS 'plays of all users when it ended';

COMMENT ON COLUMN public.latest_metadata_run.plays_with_metadata IS 'those whose track''s metadata was known';

CREATE TABLE public.listening_events (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    track_id bigint NOT NULL,
    played_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ms_played integer NOT NULL,
    source public.source NOT NULL,
    is_estimated boolean NOT NULL,
    is_skip boolean NOT NULL,
    context_id integer,
    CONSTRAINT listening_events_ms_played_check CHECK ((ms_played > 0))
)
PARTITION BY RANGE (played_at);

COMMENT ON TABLE public.listening_events IS 'One row per play that counts: heard for min_play_ms or longer. One partition per UTC month.';

COMMENT ON COLUMN public.listening_events.id IS 'surrogate key; kept when a better source replaces the values';

COMMENT ON COLUMN public.listening_events.user_id IS 'users.id';

COMMENT ON COLUMN public.listening_events.track_id IS 'tracks.id';

COMMENT ON COLUMN public.listening_events.played_at IS 'end of the play';

COMMENT ON COLUMN public.listening_events.created_at IS 'when the warehouse first derived the event';

COMMENT ON COLUMN public.listening_events.ms_played IS 'milliseconds heard';

COMMENT ON COLUMN public.listening_events.source IS 'IMPORT where an export has the play, otherwise API';

COMMENT ON COLUMN public.listening_events.is_estimated IS 'ms_played is the length of the track; how long it was heard is unknown';

COMMENT ON COLUMN public.listening_events.is_skip IS 'heard for less than 30 seconds';

COMMENT ON COLUMN public.listening_events.context_id IS 'play_contexts.id: how the play was heard; NULL where that is not known (polled, account data)';

ALTER TABLE public.listening_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.listening_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.metadata_refresh_log (
    entity_type text NOT NULL,
    entity_id bigint NOT NULL,
    refreshed_at timestamp with time zone,
    next_refresh_at timestamp with time zone NOT NULL,
    error_count integer DEFAULT 0 NOT NULL,
    last_error text,
    not_found integer DEFAULT 0 NOT NULL,
    CONSTRAINT metadata_refresh_log_entity_type_check CHECK ((entity_type = ANY (ARRAY['track'::text, 'album'::text, 'artist'::text]))),
    CONSTRAINT metadata_refresh_log_error_count_check CHECK ((error_count >= 0)),
    CONSTRAINT metadata_refresh_log_not_found_check CHECK ((not_found >= 0))
);

COMMENT ON TABLE public.metadata_refresh_log IS 'One row per track, album or artist whose metadata was requested.';

COMMENT ON COLUMN public.metadata_refresh_log.entity_type IS 'track, album or artist';

COMMENT ON COLUMN public.metadata_refresh_log.entity_id IS 'tracks.id, albums.id or artists.id';

COMMENT ON COLUMN public.metadata_refresh_log.refreshed_at IS 'when Spotify last answered; NULL before the first time';

COMMENT ON COLUMN public.metadata_refresh_log.next_refresh_at IS 'not due before';

COMMENT ON COLUMN public.metadata_refresh_log.error_count IS 'failed requests since the last answer';

COMMENT ON COLUMN public.metadata_refresh_log.last_error IS 'why the last request failed; NULL after an answer';

COMMENT ON COLUMN public.metadata_refresh_log.not_found IS 'replies in a row, days apart, that there is no such object; after three it is gone';

CREATE TABLE public.musicbrainz_failures (
    key text NOT NULL,
    failed_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.musicbrainz_failures IS 'One row per artist for whom a call to MusicBrainz failed: others come first, and it waits an hour.';

COMMENT ON COLUMN public.musicbrainz_failures.key IS 'artists.spotify_id; artists.name_key of a provisional artist';

COMMENT ON COLUMN public.musicbrainz_failures.failed_at IS 'when it failed last';

CREATE VIEW public.named_albums AS
 SELECT id,
    name,
    ( SELECT artists.name
           FROM public.artists
          WHERE ((artists.name_key = albums.artist_key) AND artists.is_canonical_for_name)) AS artist
   FROM public.albums;

COMMENT ON VIEW public.named_albums IS 'One row per album, with the names to show.';

COMMENT ON COLUMN public.named_albums.id IS 'albums.id';

COMMENT ON COLUMN public.named_albums.name IS 'name of the album';

COMMENT ON COLUMN public.named_albums.artist IS 'name of the first artist; NULL while unknown';

CREATE VIEW public.named_episodes AS
 SELECT told.id AS export_track_id,
    told.kind,
    told.spotify_id,
    COALESCE(latest.track_name, told.track_name) AS name,
        CASE told.kind
            WHEN 'CHAPTER'::public.content_kind THEN COALESCE(latest.album_name, told.album_name)
            ELSE COALESCE(latest.artist_name, told.artist_name)
        END AS show,
        CASE told.kind
            WHEN 'CHAPTER'::public.content_kind THEN COALESCE(latest.artist_name, told.artist_name)
            ELSE NULL::text
        END AS author
   FROM (public.export_tracks told
     LEFT JOIN LATERAL ( SELECT named.track_name,
            named.artist_name,
            named.album_name
           FROM public.export_tracks named
          WHERE ((told.spotify_id IS NOT NULL) AND (named.spotify_id = told.spotify_id) AND (named.kind = told.kind))
          ORDER BY (num_nonnulls(named.track_name, named.artist_name, named.album_name) = 0), named.last_played_at DESC, (named.track_name COLLATE "C") DESC NULLS LAST, (named.artist_name COLLATE "C") DESC NULLS LAST, (named.album_name COLLATE "C") DESC NULLS LAST
         LIMIT 1) latest ON (true))
  WHERE (told.kind <> 'TRACK'::public.content_kind);

COMMENT ON VIEW public.named_episodes IS 'One row per row of export_tracks that is not a track: the names to show, those that were played last.';

COMMENT ON COLUMN public.named_episodes.export_track_id IS 'export_tracks.id, as in episode_events';

COMMENT ON COLUMN public.named_episodes.kind IS 'EPISODE, CHAPTER, VIDEO or UNIDENTIFIED';

COMMENT ON COLUMN public.named_episodes.spotify_id IS 'Spotify id of the episode or chapter; NULL in account data';

COMMENT ON COLUMN public.named_episodes.name IS 'name of the episode, chapter or video; NULL if not given';

COMMENT ON COLUMN public.named_episodes.show IS 'name of the podcast''s show, or of the audiobook; NULL if not given';

COMMENT ON COLUMN public.named_episodes.author IS 'author of the audiobook; NULL if not given, and for all else';

CREATE TABLE public.songs (
    id bigint NOT NULL,
    name text,
    artist text
);

COMMENT ON TABLE public.songs IS 'One row per song: tracks of equal title and first artist, or of equal ISRC.';

COMMENT ON COLUMN public.songs.id IS 'surrogate key; kept while tracks join and leave the song';

COMMENT ON COLUMN public.songs.name IS 'the shortest of its titles; NULL while none is known';

COMMENT ON COLUMN public.songs.artist IS 'first artist, of the names with that title; NULL while unknown';

CREATE VIEW public.named_songs AS
 SELECT id,
    COALESCE(name, ( SELECT tracks.spotify_id
           FROM public.tracks
          WHERE ((tracks.song_id = songs.id) AND (tracks.merged_into IS NULL))
          ORDER BY tracks.id
         LIMIT 1)) AS name,
    artist
   FROM public.songs;

COMMENT ON VIEW public.named_songs IS 'One row per song, with the names to show.';

COMMENT ON COLUMN public.named_songs.id IS 'songs.id';

COMMENT ON COLUMN public.named_songs.name IS 'name of the song, or the Spotify id of its track while the name is unknown';

COMMENT ON COLUMN public.named_songs.artist IS 'name of the first artist; NULL while unknown';

CREATE VIEW public.named_tracks AS
 SELECT id,
    COALESCE(name, spotify_id) AS name,
    ( SELECT string_agg(artists.name, ', '::text ORDER BY credit."position", artists.name) AS string_agg
           FROM (public.track_artists credit
             JOIN public.artists ON ((artists.id = credit.artist_id)))
          WHERE (credit.track_id = tracks.id)) AS artist
   FROM public.tracks;

COMMENT ON VIEW public.named_tracks IS 'One row per track, with the names to show.';

COMMENT ON COLUMN public.named_tracks.id IS 'tracks.id';

COMMENT ON COLUMN public.named_tracks.name IS 'name of the track, or its Spotify id while the name is unknown';

COMMENT ON COLUMN public.named_tracks.artist IS 'names of the credited artists, separated by commas; NULL while unknown';

CREATE TABLE public.orphaned_archive_folders (
    folder text NOT NULL,
    remove_after timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.orphaned_archive_folders IS 'One row per folder of the archive that is not needed: of an unfinished export, or of a part restored completely.';

COMMENT ON COLUMN public.orphaned_archive_folders.folder IS 'folder, relative to MYI_ARCHIVE_URL';

COMMENT ON COLUMN public.orphaned_archive_folders.remove_after IS 'garbage collection removes the folder after this instant';

CREATE TABLE public.pending_export_tracks (
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    CONSTRAINT pending_export_tracks_check CHECK ((last_id >= first_id))
);

COMMENT ON TABLE public.pending_export_tracks IS 'One row per range of export_tracks.id that the catalog has yet to process. Ranges may overlap.';

COMMENT ON COLUMN public.pending_export_tracks.first_id IS 'lowest export_tracks.id of the range';

COMMENT ON COLUMN public.pending_export_tracks.last_id IS 'highest export_tracks.id of the range';

CREATE TABLE public.pending_musicbrainz_searches (
    id bigint NOT NULL,
    key text NOT NULL
);

COMMENT ON TABLE public.pending_musicbrainz_searches IS 'One row per change of what MusicBrainz says of an artist that the catalog has yet to process.';

COMMENT ON COLUMN public.pending_musicbrainz_searches.id IS 'surrogate key';

COMMENT ON COLUMN public.pending_musicbrainz_searches.key IS 'musicbrainz_searches.key';

ALTER TABLE public.pending_musicbrainz_searches ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pending_musicbrainz_searches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pending_song_tracks (
    track_id bigint NOT NULL
);

COMMENT ON TABLE public.pending_song_tracks IS 'One row per track whose song the catalog has yet to derive again.';

COMMENT ON COLUMN public.pending_song_tracks.track_id IS 'tracks.id; 0: a correction of songs was made or taken back';

CREATE TABLE public.pending_spotify_objects (
    id bigint NOT NULL,
    object_type text NOT NULL,
    spotify_id text NOT NULL
);

COMMENT ON TABLE public.pending_spotify_objects IS 'One row per change of a spotify_objects row that the catalog has yet to process.';

COMMENT ON COLUMN public.pending_spotify_objects.id IS 'surrogate key';

COMMENT ON COLUMN public.pending_spotify_objects.object_type IS 'spotify_objects.object_type';

COMMENT ON COLUMN public.pending_spotify_objects.spotify_id IS 'spotify_objects.spotify_id';

ALTER TABLE public.pending_spotify_objects ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pending_spotify_objects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.play_contexts ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.play_contexts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.playing_now (
    user_id bigint NOT NULL,
    track_metadata jsonb NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.playing_now IS 'One row per user of whom a program has said what is playing, until it says more.';

COMMENT ON COLUMN public.playing_now.user_id IS 'users.id';

COMMENT ON COLUMN public.playing_now.track_metadata IS 'what the program says of it, as ListenBrainz calls the fields: track_name, artist_name, release_name, additional_info';

COMMENT ON COLUMN public.playing_now.since IS 'when the program said so first';

COMMENT ON COLUMN public.playing_now.ends_at IS 'when it is over: after its length, or ten minutes where none is known';

CREATE TABLE public.poll_states (
    user_id bigint NOT NULL,
    last_polled_at timestamp with time zone NOT NULL,
    next_poll_at timestamp with time zone NOT NULL,
    last_success_at timestamp with time zone,
    last_played_at timestamp with time zone,
    seconds_per_play real,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    last_error text,
    is_refused boolean DEFAULT false NOT NULL,
    CONSTRAINT poll_states_consecutive_failures_check CHECK ((consecutive_failures >= 0)),
    CONSTRAINT poll_states_seconds_per_play_check CHECK ((seconds_per_play > (0)::double precision))
);

COMMENT ON TABLE public.poll_states IS 'One row per user with a linked account who was polled.';

COMMENT ON COLUMN public.poll_states.user_id IS 'users.id';

COMMENT ON COLUMN public.poll_states.last_polled_at IS 'when the last poll began, successful or not';

COMMENT ON COLUMN public.poll_states.next_poll_at IS 'not due before; set before the call, so that no second process polls too';

COMMENT ON COLUMN public.poll_states.last_success_at IS 'when the last successful poll began; NULL before the first';

COMMENT ON COLUMN public.poll_states.last_played_at IS 'end of the latest play that a poll returned; NULL before the first';

COMMENT ON COLUMN public.poll_states.seconds_per_play IS 'fastest recent pace, in seconds from play to play; NULL while unknown';

COMMENT ON COLUMN public.poll_states.consecutive_failures IS 'failed polls since the last successful one';

COMMENT ON COLUMN public.poll_states.last_error IS 'why the last poll failed; NULL after a successful one';

COMMENT ON COLUMN public.poll_states.is_refused IS 'whether the last poll failed for a reason that waiting does not mend';

CREATE TABLE public.possible_gaps (
    user_id bigint NOT NULL,
    after timestamp with time zone NOT NULL,
    before timestamp with time zone NOT NULL,
    found_at timestamp with time zone NOT NULL,
    CONSTRAINT possible_gaps_check CHECK ((after < before))
);

COMMENT ON TABLE public.possible_gaps IS 'One row per period in which plays may be missing: a full page of new plays did not reach back to known ones.';

COMMENT ON COLUMN public.possible_gaps.user_id IS 'users.id';

COMMENT ON COLUMN public.possible_gaps.after IS 'end of the latest play that was known before the period';

COMMENT ON COLUMN public.possible_gaps.before IS 'end of the earliest play of the page';

COMMENT ON COLUMN public.possible_gaps.found_at IS 'when the poll ran';

CREATE TABLE public.retention_holds (
    month date NOT NULL,
    held_until timestamp with time zone NOT NULL,
    CONSTRAINT retention_holds_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON TABLE public.retention_holds IS 'One row per month that a user restored: it is not archived again before held_until.';

COMMENT ON COLUMN public.retention_holds.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.retention_holds.held_until IS 'the month may be archived after this instant';

CREATE TABLE public.sign_in_links (
    id bigint NOT NULL,
    user_id bigint,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT sign_in_links_secret_hash_check CHECK ((length(secret_hash) = 32))
);

COMMENT ON TABLE public.sign_in_links IS 'One row per link that signs in once, until a day after it has expired.';

COMMENT ON COLUMN public.sign_in_links.id IS 'surrogate key';

COMMENT ON COLUMN public.sign_in_links.user_id IS 'users.id of whom it signs in; NULL: the operator';

COMMENT ON COLUMN public.sign_in_links.secret_hash IS 'SHA-256 of what the link holds';

COMMENT ON COLUMN public.sign_in_links.created_at IS 'when it was made';

COMMENT ON COLUMN public.sign_in_links.expires_at IS 'until when it can be used';

COMMENT ON COLUMN public.sign_in_links.used_at IS 'when it was used; NULL: not yet';

ALTER TABLE public.sign_in_links ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sign_in_links_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.songs ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.songs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.spotify_auth (
    user_id bigint NOT NULL,
    refresh_token_encrypted bytea NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    authorized_at timestamp with time zone NOT NULL,
    last_refresh_at timestamp with time zone,
    is_valid boolean DEFAULT true NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    last_failure_at timestamp with time zone,
    last_failure_reason text,
    authorization_ends_at timestamp with time zone GENERATED ALWAYS AS ((((authorized_at AT TIME ZONE 'UTC'::text) + '6 mons'::interval) AT TIME ZONE 'UTC'::text)) STORED NOT NULL,
    access_token_encrypted bytea,
    access_token_expires_at timestamp with time zone,
    CONSTRAINT spotify_auth_check CHECK (((access_token_encrypted IS NULL) = (access_token_expires_at IS NULL))),
    CONSTRAINT spotify_auth_consecutive_failures_check CHECK ((consecutive_failures >= 0))
);

COMMENT ON TABLE public.spotify_auth IS 'One row per linked Spotify account. A logout deletes the row.';

COMMENT ON COLUMN public.spotify_auth.user_id IS 'users.id';

COMMENT ON COLUMN public.spotify_auth.refresh_token_encrypted IS 'refresh token, AES-256-GCM, bound to the user: a copy in another row does not decrypt';

COMMENT ON COLUMN public.spotify_auth.scopes IS 'permissions that Spotify granted';

COMMENT ON COLUMN public.spotify_auth.authorized_at IS 'when the user last logged in at Spotify';

COMMENT ON COLUMN public.spotify_auth.last_refresh_at IS 'when the access token was last renewed';

COMMENT ON COLUMN public.spotify_auth.is_valid IS 'false: only a new login helps, last_failure_reason says why';

COMMENT ON COLUMN public.spotify_auth.consecutive_failures IS 'authorization failures since the last call that worked; outages and rate limits do not count';

COMMENT ON COLUMN public.spotify_auth.last_failure_at IS 'when authorization last failed; NULL since the last login if never';

COMMENT ON COLUMN public.spotify_auth.last_failure_reason IS 'why authorization last failed; NULL since the last login if never';

COMMENT ON COLUMN public.spotify_auth.authorization_ends_at IS 'six months after the login, independent of how often the token is refreshed';

COMMENT ON COLUMN public.spotify_auth.access_token_encrypted IS 'latest access token, encrypted like the refresh token; NULL when there is none';

COMMENT ON COLUMN public.spotify_auth.access_token_expires_at IS 'when the access token expires; NULL when there is none';

CREATE TABLE public.spotify_top_artist_history (
    user_id bigint NOT NULL,
    term public.term NOT NULL,
    listed_on date NOT NULL,
    rank smallint NOT NULL,
    spotify_id text NOT NULL,
    CONSTRAINT spotify_top_artist_history_rank_check CHECK (((rank >= 1) AND (rank <= 50)))
);

COMMENT ON TABLE public.spotify_top_artist_history IS 'One row per user, term, UTC day and rank of Spotify''s top artists, as last returned on that day.';

COMMENT ON COLUMN public.spotify_top_artist_history.user_id IS 'users.id';

COMMENT ON COLUMN public.spotify_top_artist_history.term IS 'period that the list covers';

COMMENT ON COLUMN public.spotify_top_artist_history.listed_on IS 'UTC day on which Spotify returned the list';

COMMENT ON COLUMN public.spotify_top_artist_history.rank IS 'place in the list, from 1';

COMMENT ON COLUMN public.spotify_top_artist_history.spotify_id IS 'Spotify artist id as returned: artists.spotify_id';

CREATE TABLE public.spotify_top_artists (
    user_id bigint NOT NULL,
    term public.term NOT NULL,
    rank smallint NOT NULL,
    artist_id bigint NOT NULL,
    fetched_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT spotify_top_artists_rank_check CHECK (((rank >= 1) AND (rank <= 50)))
);

COMMENT ON TABLE public.spotify_top_artists IS 'One row per user, term and rank of Spotify''s latest top artists.';

COMMENT ON COLUMN public.spotify_top_artists.user_id IS 'users.id';

COMMENT ON COLUMN public.spotify_top_artists.term IS 'period that the list covers';

COMMENT ON COLUMN public.spotify_top_artists.rank IS 'place in the list, from 1';

COMMENT ON COLUMN public.spotify_top_artists.artist_id IS 'artists.id';

COMMENT ON COLUMN public.spotify_top_artists.fetched_at IS 'when Spotify returned the list';

CREATE TABLE public.spotify_top_track_history (
    user_id bigint NOT NULL,
    term public.term NOT NULL,
    listed_on date NOT NULL,
    rank smallint NOT NULL,
    spotify_id text NOT NULL,
    CONSTRAINT spotify_top_track_history_rank_check CHECK (((rank >= 1) AND (rank <= 50)))
);

COMMENT ON TABLE public.spotify_top_track_history IS 'One row per user, term, UTC day and rank of Spotify''s top tracks, as last returned on that day.';

COMMENT ON COLUMN public.spotify_top_track_history.user_id IS 'users.id';

COMMENT ON COLUMN public.spotify_top_track_history.term IS 'period that the list covers';

COMMENT ON COLUMN public.spotify_top_track_history.listed_on IS 'UTC day on which Spotify returned the list';

COMMENT ON COLUMN public.spotify_top_track_history.rank IS 'place in the list, from 1';

COMMENT ON COLUMN public.spotify_top_track_history.spotify_id IS 'Spotify track id as returned: tracks.spotify_id or one of track_aliases';

CREATE TABLE public.spotify_top_tracks (
    user_id bigint NOT NULL,
    term public.term NOT NULL,
    rank smallint NOT NULL,
    track_id bigint NOT NULL,
    fetched_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT spotify_top_tracks_rank_check CHECK (((rank >= 1) AND (rank <= 50)))
);

COMMENT ON TABLE public.spotify_top_tracks IS 'One row per user, term and rank of Spotify''s latest top tracks.';

COMMENT ON COLUMN public.spotify_top_tracks.user_id IS 'users.id';

COMMENT ON COLUMN public.spotify_top_tracks.term IS 'period that the list covers';

COMMENT ON COLUMN public.spotify_top_tracks.rank IS 'place in the list, from 1; a track under two ids leaves one rank empty';

COMMENT ON COLUMN public.spotify_top_tracks.track_id IS 'tracks.id';

COMMENT ON COLUMN public.spotify_top_tracks.fetched_at IS 'when Spotify returned the list';

CREATE VIEW public.submitted_plays AS
 SELECT p.user_id,
    (p.played_at - ((p.elapsed_s)::double precision * '00:00:01'::interval)) AS listened_at,
    p.played_at,
    p.ms_played,
    e.track_name,
    e.artist_name,
    e.album_name,
    e.spotify_id,
    job.file_name AS submitted_by
   FROM ((public.imported_plays p
     JOIN public.export_tracks e ON ((e.id = p.export_track_id)))
     LEFT JOIN public.import_jobs job ON ((job.id = p.job_id)))
  WHERE ((p.context_id IS NULL) AND (p.elapsed_s >= 0));

COMMENT ON VIEW public.submitted_plays IS 'One row per play that a program or a file of another service gave: those of imported_plays with their start and without a context.';

COMMENT ON COLUMN public.submitted_plays.user_id IS 'users.id';

COMMENT ON COLUMN public.submitted_plays.listened_at IS 'start of the play, as given';

COMMENT ON COLUMN public.submitted_plays.played_at IS 'end of the play; its start where no length is given';

COMMENT ON COLUMN public.submitted_plays.ms_played IS 'milliseconds heard; NULL where not given';

COMMENT ON COLUMN public.submitted_plays.track_name IS 'name of the track, as given';

COMMENT ON COLUMN public.submitted_plays.artist_name IS 'name of the artist or artists, as given';

COMMENT ON COLUMN public.submitted_plays.album_name IS 'name of the album; NULL if not given';

COMMENT ON COLUMN public.submitted_plays.spotify_id IS 'Spotify id of the track; NULL if not given';

COMMENT ON COLUMN public.submitted_plays.submitted_by IS 'file or program that gave the play first';

CREATE TABLE public.track_relinks (
    asked_id text NOT NULL,
    returned_id text NOT NULL,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT track_relinks_check CHECK ((asked_id <> returned_id))
);

COMMENT ON TABLE public.track_relinks IS 'One row per pair of track ids of which Spotify returned the second for the first: the two are one track for good.';

COMMENT ON COLUMN public.track_relinks.asked_id IS 'Spotify track id that was requested';

COMMENT ON COLUMN public.track_relinks.returned_id IS 'Spotify track id that was returned';

COMMENT ON COLUMN public.track_relinks.first_seen_at IS 'when Spotify first returned this pair';

CREATE TABLE public.track_searches (
    track_key uuid NOT NULL,
    artist_key uuid NOT NULL,
    spotify_id text,
    searched_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.track_searches IS 'One row per track and artist name of account data for which Spotify''s catalog was searched.';

COMMENT ON COLUMN public.track_searches.track_key IS 'name_key of the track: export_tracks.track_key';

COMMENT ON COLUMN public.track_searches.artist_key IS 'name_key of the artist: export_tracks.artist_key';

COMMENT ON COLUMN public.track_searches.spotify_id IS 'Spotify id of the only track that matches; kept once found; NULL while there is none';

COMMENT ON COLUMN public.track_searches.searched_at IS 'when Spotify was last searched';

CREATE VIEW public.track_song_keys AS
 SELECT link.track_id,
    e.song_key
   FROM (public.export_tracks e
     JOIN public.export_track_links link ON ((link.export_track_id = e.id)))
  WHERE ((e.song_key IS NOT NULL) AND (e.artist_key <> public.name_key('Various Artists'::text)) AND (NOT (EXISTS ( SELECT
           FROM public.corrected_song_keys c
          WHERE ((c.track_id = link.track_id) AND c.is_only_key)))))
UNION ALL
 SELECT t.id AS track_id,
    t.payload_song_key AS song_key
   FROM public.tracks t
  WHERE ((t.payload_song_key IS NOT NULL) AND (t.merged_into IS NULL) AND (NOT (EXISTS ( SELECT
           FROM public.corrected_song_keys c
          WHERE ((c.track_id = t.id) AND c.is_only_key)))))
UNION ALL
 SELECT t.id AS track_id,
    public.isrc_song_key(t.isrc) AS song_key
   FROM public.tracks t
  WHERE ((t.isrc IS NOT NULL) AND (t.merged_into IS NULL) AND (NOT (EXISTS ( SELECT
           FROM public.corrected_song_keys c
          WHERE ((c.track_id = t.id) AND c.is_only_key)))))
UNION ALL
 SELECT link.track_id,
    e.song_key
   FROM ((public.export_tracks e
     JOIN public.export_track_links link ON ((link.export_track_id = e.id)))
     JOIN public.tracks t ON ((t.id = link.track_id)))
  WHERE ((e.song_key IS NOT NULL) AND (e.artist_key = public.name_key('Various Artists'::text)) AND ((t.payload_song_key IS NULL) OR (t.payload_song_key = public.song_key(t.name, 'Various Artists'::text))) AND (NOT (EXISTS ( SELECT
           FROM (public.export_track_links other_link
             JOIN public.export_tracks other ON ((other.id = other_link.export_track_id)))
          WHERE ((other_link.track_id = link.track_id) AND (other.song_key IS NOT NULL) AND (other.artist_key <> public.name_key('Various Artists'::text)))))) AND (NOT (EXISTS ( SELECT
           FROM public.corrected_song_keys c
          WHERE ((c.track_id = link.track_id) AND c.is_only_key)))))
UNION ALL
 SELECT corrected_song_keys.track_id,
    corrected_song_keys.song_key
   FROM public.corrected_song_keys;

COMMENT ON VIEW public.track_song_keys IS 'One row per track and key of it: its names, its ISRC, and what corrections say. Tracks that share a key are one song.';

COMMENT ON COLUMN public.track_song_keys.track_id IS 'tracks.id';

COMMENT ON COLUMN public.track_song_keys.song_key IS 'song_key or isrc_song_key, or the key of a correction';

ALTER TABLE public.tracks ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tracks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.undone_imports AS
 SELECT user_id,
    id AS correction_id,
    ((what ->> 'job_id'::text))::integer AS job_id
   FROM public.corrections c
  WHERE (kind = 'UNDO_IMPORT'::public.correction_kind);

COMMENT ON VIEW public.undone_imports IS 'One row per import that is undone.';

COMMENT ON COLUMN public.undone_imports.user_id IS 'users.id';

COMMENT ON COLUMN public.undone_imports.correction_id IS 'corrections.id';

COMMENT ON COLUMN public.undone_imports.job_id IS 'import_jobs.id';

CREATE TABLE public.undone_plays (
    user_id bigint NOT NULL,
    played_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    export_track_id integer NOT NULL,
    ms_played integer,
    context_id integer,
    elapsed_s integer,
    job_id integer NOT NULL
);

COMMENT ON TABLE public.undone_plays IS 'One row per row of imported_plays that only undone imports hold; it goes back when one of them is taken back.';

COMMENT ON COLUMN public.undone_plays.user_id IS 'users.id';

COMMENT ON COLUMN public.undone_plays.played_at IS 'as in imported_plays';

COMMENT ON COLUMN public.undone_plays.stopped_at IS 'as in imported_plays';

COMMENT ON COLUMN public.undone_plays.export_track_id IS 'export_tracks.id';

COMMENT ON COLUMN public.undone_plays.ms_played IS 'as in imported_plays';

COMMENT ON COLUMN public.undone_plays.context_id IS 'play_contexts.id';

COMMENT ON COLUMN public.undone_plays.elapsed_s IS 'as in imported_plays';

COMMENT ON COLUMN public.undone_plays.job_id IS 'import_jobs.id of the import that landed the row first';

CREATE TABLE public.user_track_months (
    user_id bigint CONSTRAINT user_track_months_user_id_not_null1 NOT NULL,
    track_id bigint CONSTRAINT user_track_months_track_id_not_null1 NOT NULL,
    total_ms bigint CONSTRAINT user_track_months_total_ms_not_null1 NOT NULL,
    last_played_at timestamp with time zone CONSTRAINT user_track_months_last_played_at_not_null1 NOT NULL,
    month date CONSTRAINT user_track_months_month_not_null1 NOT NULL,
    play_count integer CONSTRAINT user_track_months_play_count_not_null1 NOT NULL,
    first_played_at timestamp with time zone CONSTRAINT user_track_months_first_played_at_not_null1 NOT NULL,
    ms_played integer[],
    CONSTRAINT user_track_months_play_count_check1 CHECK ((play_count > 0)),
    CONSTRAINT user_track_months_total_ms_check1 CHECK ((total_ms > 0))
)
WITH (autovacuum_vacuum_scale_factor='0.01');

COMMENT ON TABLE public.user_track_months IS 'One row per user, UTC month and track: what the month adds to user_track_stats.';

COMMENT ON COLUMN public.user_track_months.user_id IS 'users.id; a trigger deletes the rows of a deleted user';

COMMENT ON COLUMN public.user_track_months.track_id IS 'tracks.id';

COMMENT ON COLUMN public.user_track_months.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_track_months.last_played_at IS 'end of the latest play in the month';

COMMENT ON COLUMN public.user_track_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_track_months.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_track_months.first_played_at IS 'end of the first play in the month';

COMMENT ON COLUMN public.user_track_months.ms_played IS 'milliseconds of each play, ascending, estimated ones left out; NULL where total_ms is that of the only play';

CREATE VIEW public.user_album_months AS
 SELECT m.user_id,
    m.month,
    COALESCE(t.album_id, (0)::bigint) AS album_id,
    sum(m.play_count) AS play_count,
    (sum(m.total_ms))::bigint AS total_ms,
    min(m.first_played_at) AS first_played_at,
    max(m.last_played_at) AS last_played_at
   FROM (public.user_track_months m
     JOIN public.tracks t ON ((t.id = m.track_id)))
  GROUP BY m.user_id, m.month, COALESCE(t.album_id, (0)::bigint);

COMMENT ON VIEW public.user_album_months IS 'One row per user, UTC month and album: name both or at least the user.';

COMMENT ON COLUMN public.user_album_months.user_id IS 'users.id';

COMMENT ON COLUMN public.user_album_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_album_months.album_id IS 'albums.id; 0 for the tracks whose album is unknown';

COMMENT ON COLUMN public.user_album_months.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_album_months.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_album_months.first_played_at IS 'end of the first play in the month';

COMMENT ON COLUMN public.user_album_months.last_played_at IS 'end of the latest play in the month';

CREATE TABLE public.user_album_stats (
    user_id bigint NOT NULL,
    album_id bigint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    first_played_at timestamp with time zone NOT NULL,
    last_played_at timestamp with time zone NOT NULL,
    CONSTRAINT user_album_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_album_stats_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_album_stats IS 'One row per user and album that the user ever played, and one for tracks without an album: all-time counts.';

COMMENT ON COLUMN public.user_album_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_album_stats.album_id IS 'albums.id; 0 for the tracks whose album is unknown';

COMMENT ON COLUMN public.user_album_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_album_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_album_stats.first_played_at IS 'end of the first play';

COMMENT ON COLUMN public.user_album_stats.last_played_at IS 'end of the latest play';

CREATE VIEW public.user_artist_months AS
 SELECT m.user_id,
    m.month,
    credit.artist_id,
    sum(m.play_count) AS play_count,
    (sum(m.total_ms))::bigint AS total_ms,
    min(m.first_played_at) AS first_played_at,
    max(m.last_played_at) AS last_played_at
   FROM (public.user_track_months m
     JOIN public.track_artists credit USING (track_id))
  GROUP BY m.user_id, m.month, credit.artist_id;

COMMENT ON VIEW public.user_artist_months IS 'One row per user, UTC month and artist: name both or at least the user. A play counts for every credited artist.';

COMMENT ON COLUMN public.user_artist_months.user_id IS 'users.id';

COMMENT ON COLUMN public.user_artist_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_artist_months.artist_id IS 'artists.id';

COMMENT ON COLUMN public.user_artist_months.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_artist_months.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_artist_months.first_played_at IS 'end of the first play in the month';

COMMENT ON COLUMN public.user_artist_months.last_played_at IS 'end of the latest play in the month';

CREATE TABLE public.user_artist_stats (
    user_id bigint NOT NULL,
    artist_id bigint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    first_played_at timestamp with time zone NOT NULL,
    last_played_at timestamp with time zone NOT NULL,
    CONSTRAINT user_artist_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_artist_stats_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_artist_stats IS 'One row per user and artist that the user ever played: all-time counts. A play counts for every credited artist.';

COMMENT ON COLUMN public.user_artist_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_artist_stats.artist_id IS 'artists.id';

COMMENT ON COLUMN public.user_artist_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_artist_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_artist_stats.first_played_at IS 'end of the first play';

COMMENT ON COLUMN public.user_artist_stats.last_played_at IS 'end of the latest play';

CREATE TABLE public.user_month_contexts (
    user_id bigint NOT NULL,
    skip_ms bigint NOT NULL,
    month date NOT NULL,
    skip_count integer NOT NULL,
    context_ids integer[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms bigint[] NOT NULL,
    CONSTRAINT user_month_contexts_skip_count_check CHECK ((skip_count >= 0)),
    CONSTRAINT user_month_contexts_skip_ms_check CHECK ((skip_ms >= 0))
);

COMMENT ON TABLE public.user_month_contexts IS 'One row per user and UTC month: in which contexts the plays of the month were heard. user_context_months has a row per dimension and value.';

COMMENT ON COLUMN public.user_month_contexts.user_id IS 'users.id';

COMMENT ON COLUMN public.user_month_contexts.skip_ms IS 'milliseconds of the plays that skip_count counts';

COMMENT ON COLUMN public.user_month_contexts.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_month_contexts.skip_count IS 'plays heard for less than 30 seconds';

COMMENT ON COLUMN public.user_month_contexts.context_ids IS 'play_contexts.id, ascending; 0 for plays of which the context is not known (polled, account data)';

COMMENT ON COLUMN public.user_month_contexts.play_counts IS 'number of plays in each of the contexts';

COMMENT ON COLUMN public.user_month_contexts.total_ms IS 'milliseconds heard in each of the contexts';

CREATE VIEW public.user_context_months AS
 SELECT c.user_id,
    c.month,
    way.dimension,
    way.value,
    sum(one.play_count) AS play_count,
    (sum(one.total_ms))::bigint AS total_ms
   FROM (((public.user_month_contexts c
     CROSS JOIN LATERAL UNNEST(c.context_ids, c.play_counts, c.total_ms) one(context_id, play_count, total_ms))
     LEFT JOIN public.play_contexts p ON ((p.id = one.context_id)))
     CROSS JOIN LATERAL public.context_values(p.*) way(dimension, value))
  GROUP BY c.user_id, c.month, way.dimension, way.value
UNION ALL
 SELECT c.user_id,
    c.month,
    'SKIP'::public.context_dimension AS dimension,
    way.value,
    way.play_count,
    way.total_ms
   FROM ((public.user_month_contexts c
     CROSS JOIN LATERAL ( SELECT sum(one.play_count) AS play_count,
            (sum(one.total_ms))::bigint AS total_ms
           FROM UNNEST(c.play_counts, c.total_ms) one(play_count, total_ms)) every)
     CROSS JOIN LATERAL ( VALUES ('true'::text,(c.skip_count)::bigint,c.skip_ms), ('false'::text,(every.play_count - c.skip_count),(every.total_ms - c.skip_ms))) way(value, play_count, total_ms))
  WHERE (way.play_count > 0)
UNION ALL
 SELECT heard.user_id,
    heard.month,
    'SHARE_HEARD'::public.context_dimension AS dimension,
    heard.value,
    sum(heard.play_count) AS play_count,
    (sum(heard.total_ms))::bigint AS total_ms
   FROM ( SELECT m.user_id,
            m.month,
            1 AS play_count,
            COALESCE((one.ms)::bigint, m.total_ms) AS total_ms,
                CASE
                    WHEN (t.duration_ms IS NULL) THEN 'unknown'::text
                    WHEN ((COALESCE((one.ms)::bigint, m.total_ms) * 100) < ((t.duration_ms)::bigint * 25)) THEN 'under 25%'::text
                    WHEN ((COALESCE((one.ms)::bigint, m.total_ms) * 100) < ((t.duration_ms)::bigint * 50)) THEN '25% to 50%'::text
                    WHEN ((COALESCE((one.ms)::bigint, m.total_ms) * 100) < ((t.duration_ms)::bigint * 75)) THEN '50% to 75%'::text
                    WHEN ((COALESCE((one.ms)::bigint, m.total_ms) * 100) < ((t.duration_ms)::bigint * 95)) THEN '75% to 95%'::text
                    ELSE '95% or more'::text
                END AS value
           FROM ((public.user_track_months m
             JOIN public.tracks t ON ((t.id = m.track_id)))
             LEFT JOIN LATERAL unnest(m.ms_played) one(ms) ON (true))
          WHERE ((m.ms_played IS NULL) OR (one.ms IS NOT NULL))
        UNION ALL
         SELECT m.user_id,
            m.month,
            (m.play_count - cardinality(m.ms_played)),
            (m.total_ms - COALESCE(( SELECT sum(ms.ms) AS sum
                   FROM unnest(m.ms_played) ms(ms)), (0)::bigint)),
            'unknown'::text AS text
           FROM public.user_track_months m
          WHERE (cardinality(m.ms_played) < m.play_count)) heard
  GROUP BY heard.user_id, heard.month, heard.value;

COMMENT ON VIEW public.user_context_months IS 'One row per user, UTC month, dimension and value: how the plays of the month were heard. The values of each dimension sum to all plays. SHARE_HEARD reads every track of the month.';

COMMENT ON COLUMN public.user_context_months.user_id IS 'users.id';

COMMENT ON COLUMN public.user_context_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_context_months.dimension IS 'in what respect';

COMMENT ON COLUMN public.user_context_months.value IS 'platform family, country (ISO 3166-1 alpha-2), reason, true or false, or share of the track; unknown where no source tells it';

COMMENT ON COLUMN public.user_context_months.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_context_months.total_ms IS 'milliseconds heard';

CREATE TABLE public.user_context_stats (
    user_id bigint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    dimension public.context_dimension NOT NULL,
    value text NOT NULL,
    CONSTRAINT user_context_stats_dimension_check CHECK ((dimension <> 'SHARE_HEARD'::public.context_dimension)),
    CONSTRAINT user_context_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_context_stats_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_context_stats IS 'One row per user, dimension and value: how all plays were heard. Without SHARE_HEARD: the view user_context_months has it.';

COMMENT ON COLUMN public.user_context_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_context_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_context_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_context_stats.dimension IS 'in what respect';

COMMENT ON COLUMN public.user_context_stats.value IS 'see user_context_months.value';

CREATE VIEW public.user_episode_bucket_stats AS
 SELECT heard.user_id,
    bucket.bucket_type,
    bucket.bucket_date,
    heard.kind,
    (sum(heard.play_count))::bigint AS play_count,
    (sum(heard.total_ms))::bigint AS total_ms
   FROM (( SELECT e.user_id,
            e.kind,
            ((e.played_at AT TIME ZONE settings.timezone))::date AS day,
            count(*) AS play_count,
            sum(e.ms_played) AS total_ms
           FROM (public.episode_events e
             JOIN public.user_settings settings USING (user_id))
          GROUP BY e.user_id, e.kind, (((e.played_at AT TIME ZONE settings.timezone))::date)) heard
     CROSS JOIN LATERAL ( VALUES ('DAY'::public.bucket_type,heard.day), ('WEEK'::public.bucket_type,(date_trunc('week'::text, (heard.day)::timestamp without time zone))::date), ('MONTH'::public.bucket_type,(date_trunc('month'::text, (heard.day)::timestamp without time zone))::date)) bucket(bucket_type, bucket_date))
  GROUP BY heard.user_id, bucket.bucket_type, bucket.bucket_date, heard.kind;

COMMENT ON VIEW public.user_episode_bucket_stats IS 'One row per user, local day, ISO week or month, and kind with plays that are not music.';

COMMENT ON COLUMN public.user_episode_bucket_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_episode_bucket_stats.bucket_type IS 'DAY, WEEK or MONTH';

COMMENT ON COLUMN public.user_episode_bucket_stats.bucket_date IS 'first day of the bucket, in the user''s time zone';

COMMENT ON COLUMN public.user_episode_bucket_stats.kind IS 'EPISODE, CHAPTER, VIDEO or UNIDENTIFIED';

COMMENT ON COLUMN public.user_episode_bucket_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_episode_bucket_stats.total_ms IS 'milliseconds heard';

CREATE VIEW public.user_episode_hour_stats AS
 SELECT e.user_id,
    (EXTRACT(hour FROM (e.played_at AT TIME ZONE settings.timezone)))::smallint AS hour,
    e.kind,
    count(*) AS play_count,
    sum(e.ms_played) AS total_ms
   FROM (public.episode_events e
     JOIN public.user_settings settings USING (user_id))
  GROUP BY e.user_id, ((EXTRACT(hour FROM (e.played_at AT TIME ZONE settings.timezone)))::smallint), e.kind;

COMMENT ON VIEW public.user_episode_hour_stats IS 'One row per user, hour of the local day and kind with plays that are not music.';

COMMENT ON COLUMN public.user_episode_hour_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_episode_hour_stats.hour IS '0 to 23, in the user''s time zone';

COMMENT ON COLUMN public.user_episode_hour_stats.kind IS 'EPISODE, CHAPTER, VIDEO or UNIDENTIFIED';

COMMENT ON COLUMN public.user_episode_hour_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_episode_hour_stats.total_ms IS 'milliseconds heard';

CREATE TABLE public.user_hour_months (
    user_id bigint NOT NULL,
    month date NOT NULL,
    week_hours smallint[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms bigint[] NOT NULL
);

COMMENT ON TABLE public.user_hour_months IS 'One row per user and UTC month: in which hours of the local week the plays of the month ended. user_weekday_hour_months has a row per hour.';

COMMENT ON COLUMN public.user_hour_months.user_id IS 'users.id';

COMMENT ON COLUMN public.user_hour_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_hour_months.week_hours IS 'hours with plays, ascending: 0 is the first of Monday, 167 the last of Sunday, in the time zone of the user';

COMMENT ON COLUMN public.user_hour_months.play_counts IS 'number of plays in each of the hours';

COMMENT ON COLUMN public.user_hour_months.total_ms IS 'milliseconds heard in each of the hours';

CREATE TABLE public.user_hour_stats (
    user_id bigint NOT NULL,
    hour smallint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    CONSTRAINT user_hour_stats_hour_check CHECK (((hour >= 0) AND (hour <= 23))),
    CONSTRAINT user_hour_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_hour_stats_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_hour_stats IS 'One row per user and hour of the local day in which the user ever played something: at most 24.';

COMMENT ON COLUMN public.user_hour_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_hour_stats.hour IS 'hour of the day in the time zone of the user, 0 to 23';

COMMENT ON COLUMN public.user_hour_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_hour_stats.total_ms IS 'milliseconds heard';

CREATE TABLE public.user_month_edges (
    user_id bigint NOT NULL,
    track_id bigint NOT NULL,
    total_ms bigint NOT NULL,
    play_count integer NOT NULL,
    month date NOT NULL
);

COMMENT ON TABLE public.user_month_edges IS 'One row per user, month and track played between the local and the UTC beginning of that month.';

COMMENT ON COLUMN public.user_month_edges.user_id IS 'users.id';

COMMENT ON COLUMN public.user_month_edges.track_id IS 'tracks.id';

COMMENT ON COLUMN public.user_month_edges.total_ms IS 'milliseconds of the plays that play_count counts, with the same sign';

COMMENT ON COLUMN public.user_month_edges.play_count IS 'plays of this local month in the UTC month before it; negative: of this UTC month in the local month before it';

COMMENT ON COLUMN public.user_month_edges.month IS 'first day of the month that begins';

CREATE VIEW public.user_show_stats AS
 SELECT user_id,
    kind,
    (array_agg(show ORDER BY counted.last_played_at DESC, (show COLLATE "C") DESC))[1] AS show,
    count(DISTINCT COALESCE((public.name_key(name))::text, spotify_id, ''::text)) AS episode_count,
    (sum(play_count))::bigint AS play_count,
    (sum(total_ms))::bigint AS total_ms,
    min(first_played_at) AS first_played_at,
    max(last_played_at) AS last_played_at
   FROM ( SELECT heard.user_id,
            heard.kind,
            heard.play_count,
            heard.total_ms,
            heard.first_played_at,
            heard.last_played_at,
            named.show,
            named.name,
            named.spotify_id
           FROM (( SELECT episode_events.user_id,
                    episode_events.kind,
                    episode_events.export_track_id,
                    count(*) AS play_count,
                    sum(episode_events.ms_played) AS total_ms,
                    min(episode_events.played_at) AS first_played_at,
                    max(episode_events.played_at) AS last_played_at
                   FROM public.episode_events
                  GROUP BY episode_events.user_id, episode_events.kind, episode_events.export_track_id) heard
             LEFT JOIN public.named_episodes named USING (export_track_id))) counted
  GROUP BY user_id, kind, (public.name_key(show));

COMMENT ON VIEW public.user_show_stats IS 'One row per user, kind and show or audiobook; what names no show is one row of its kind. Not music.';

COMMENT ON COLUMN public.user_show_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_show_stats.kind IS 'EPISODE: a podcast''s show; CHAPTER: an audiobook; VIDEO; UNIDENTIFIED';

COMMENT ON COLUMN public.user_show_stats.show IS 'name, in the spelling that was played last; NULL if not given';

COMMENT ON COLUMN public.user_show_stats.episode_count IS 'number of different episodes or chapters';

COMMENT ON COLUMN public.user_show_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_show_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_show_stats.first_played_at IS 'end of the first play';

COMMENT ON COLUMN public.user_show_stats.last_played_at IS 'end of the latest play';

CREATE TABLE public.user_song_sums (
    user_id bigint NOT NULL,
    song_id bigint NOT NULL,
    recordings integer NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    first_played_at timestamp with time zone NOT NULL,
    last_played_at timestamp with time zone NOT NULL,
    CONSTRAINT user_song_sums_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_song_sums_recordings_check CHECK ((recordings > 1)),
    CONSTRAINT user_song_sums_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_song_sums IS 'One row per user and song of which the user played several tracks: their all-time counts together.';

COMMENT ON COLUMN public.user_song_sums.user_id IS 'users.id';

COMMENT ON COLUMN public.user_song_sums.song_id IS 'songs.id';

COMMENT ON COLUMN public.user_song_sums.recordings IS 'number of tracks of the song that the user played';

COMMENT ON COLUMN public.user_song_sums.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_song_sums.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_song_sums.first_played_at IS 'end of the first play';

COMMENT ON COLUMN public.user_song_sums.last_played_at IS 'end of the latest play';

CREATE TABLE public.user_track_stats (
    user_id bigint NOT NULL,
    track_id bigint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    last_played_at timestamp with time zone NOT NULL,
    first_played_at timestamp with time zone NOT NULL,
    CONSTRAINT user_track_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_track_stats_total_ms_check CHECK ((total_ms > 0))
);

COMMENT ON TABLE public.user_track_stats IS 'One row per user and track that the user ever played: all-time counts.';

COMMENT ON COLUMN public.user_track_stats.user_id IS 'users.id; a trigger deletes the rows of a deleted user';

COMMENT ON COLUMN public.user_track_stats.track_id IS 'tracks.id';

COMMENT ON COLUMN public.user_track_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_track_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_track_stats.last_played_at IS 'end of the latest play';

COMMENT ON COLUMN public.user_track_stats.first_played_at IS 'end of the first play';

CREATE VIEW public.user_song_stats AS
 SELECT user_song_sums.user_id,
    user_song_sums.song_id,
    user_song_sums.recordings,
    user_song_sums.play_count,
    user_song_sums.total_ms,
    user_song_sums.first_played_at,
    user_song_sums.last_played_at
   FROM public.user_song_sums
UNION ALL
 SELECT s.user_id,
    t.song_id,
    1 AS recordings,
    s.play_count,
    s.total_ms,
    s.first_played_at,
    s.last_played_at
   FROM (public.user_track_stats s
     JOIN public.tracks t ON ((t.id = s.track_id)))
  WHERE (NOT (EXISTS ( SELECT
           FROM public.user_song_sums summed
          WHERE ((summed.user_id = s.user_id) AND (summed.song_id = t.song_id)))));

COMMENT ON VIEW public.user_song_stats IS 'One row per user and song that the user ever played: all-time counts.';

COMMENT ON COLUMN public.user_song_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_song_stats.song_id IS 'songs.id';

COMMENT ON COLUMN public.user_song_stats.recordings IS 'number of tracks of the song that the user played';

COMMENT ON COLUMN public.user_song_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_song_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_song_stats.first_played_at IS 'end of the first play';

COMMENT ON COLUMN public.user_song_stats.last_played_at IS 'end of the latest play';

CREATE TABLE public.user_time_bucket_stats (
    user_id bigint NOT NULL,
    bucket_type public.bucket_type NOT NULL,
    bucket_date date NOT NULL,
    play_count integer NOT NULL,
    total_ms bigint NOT NULL,
    unique_tracks integer NOT NULL,
    CONSTRAINT user_time_bucket_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_time_bucket_stats_total_ms_check CHECK ((total_ms > 0)),
    CONSTRAINT user_time_bucket_stats_unique_tracks_check CHECK ((unique_tracks > 0))
);

COMMENT ON TABLE public.user_time_bucket_stats IS 'One row per user and local day, ISO week or month in which the user played something.';

COMMENT ON COLUMN public.user_time_bucket_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_time_bucket_stats.bucket_type IS 'length of the bucket: DAY, WEEK or MONTH';

COMMENT ON COLUMN public.user_time_bucket_stats.bucket_date IS 'first day of the bucket in the time zone of the user; weeks begin on Monday';

COMMENT ON COLUMN public.user_time_bucket_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_time_bucket_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_time_bucket_stats.unique_tracks IS 'number of distinct tracks played in the bucket';

CREATE TABLE public.user_versions (
    user_id bigint NOT NULL,
    version bigint NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.user_versions IS 'One row per user whose statistics were ever computed: how often they were written.';

COMMENT ON COLUMN public.user_versions.user_id IS 'users.id';

COMMENT ON COLUMN public.user_versions.version IS 'moved by each commit of statistics of the user';

CREATE VIEW public.user_weekday_hour_months AS
 SELECT m.user_id,
    m.month,
    (((one.week_hour / 24) + 1))::smallint AS weekday,
    (((one.week_hour)::integer % 24))::smallint AS hour,
    one.play_count,
    one.total_ms
   FROM (public.user_hour_months m
     CROSS JOIN LATERAL UNNEST(m.week_hours, m.play_counts, m.total_ms) one(week_hour, play_count, total_ms));

COMMENT ON VIEW public.user_weekday_hour_months IS 'One row per user, UTC month, local weekday and hour in which the user played something.';

COMMENT ON COLUMN public.user_weekday_hour_months.user_id IS 'users.id';

COMMENT ON COLUMN public.user_weekday_hour_months.month IS 'first day of the UTC month';

COMMENT ON COLUMN public.user_weekday_hour_months.weekday IS 'ISO day of the week in the time zone of the user: 1 is Monday';

COMMENT ON COLUMN public.user_weekday_hour_months.hour IS 'hour of the day in the time zone of the user, 0 to 23';

COMMENT ON COLUMN public.user_weekday_hour_months.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_weekday_hour_months.total_ms IS 'milliseconds heard';

CREATE TABLE public.user_weekday_hour_stats (
    user_id bigint NOT NULL,
    play_count bigint NOT NULL,
    total_ms bigint NOT NULL,
    weekday smallint NOT NULL,
    hour smallint NOT NULL,
    CONSTRAINT user_weekday_hour_stats_hour_check CHECK (((hour >= 0) AND (hour <= 23))),
    CONSTRAINT user_weekday_hour_stats_play_count_check CHECK ((play_count > 0)),
    CONSTRAINT user_weekday_hour_stats_total_ms_check CHECK ((total_ms > 0)),
    CONSTRAINT user_weekday_hour_stats_weekday_check CHECK (((weekday >= 1) AND (weekday <= 7)))
);

COMMENT ON TABLE public.user_weekday_hour_stats IS 'One row per user, local weekday and hour in which the user ever played something: at most 168.';

COMMENT ON COLUMN public.user_weekday_hour_stats.user_id IS 'users.id';

COMMENT ON COLUMN public.user_weekday_hour_stats.play_count IS 'number of plays';

COMMENT ON COLUMN public.user_weekday_hour_stats.total_ms IS 'milliseconds heard';

COMMENT ON COLUMN public.user_weekday_hour_stats.weekday IS 'ISO day of the week in the time zone of the user: 1 is Monday';

COMMENT ON COLUMN public.user_weekday_hour_stats.hour IS 'hour of the day in the time zone of the user, 0 to 23';

CREATE TABLE public.user_year_top_tracks (
    user_id bigint NOT NULL,
    track_id bigint NOT NULL,
    total_ms bigint NOT NULL,
    play_count integer NOT NULL,
    year smallint NOT NULL,
    CONSTRAINT user_year_top_tracks_play_count_check CHECK ((play_count > 0))
);

COMMENT ON TABLE public.user_year_top_tracks IS 'One row per user, local year and track among the 50 that the user played most in that year, or of a song among those.';

COMMENT ON COLUMN public.user_year_top_tracks.user_id IS 'users.id';

COMMENT ON COLUMN public.user_year_top_tracks.track_id IS 'tracks.id';

COMMENT ON COLUMN public.user_year_top_tracks.total_ms IS 'milliseconds heard in the year';

COMMENT ON COLUMN public.user_year_top_tracks.play_count IS 'number of plays in the year';

COMMENT ON COLUMN public.user_year_top_tracks.year IS 'year in the time zone of the user';

CREATE TABLE public.users (
    id bigint NOT NULL,
    name text NOT NULL,
    spotify_id text,
    total_play_count bigint DEFAULT 0 NOT NULL,
    total_listening_ms bigint DEFAULT 0 NOT NULL,
    last_ingested_at timestamp with time zone,
    top_stats_refreshed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    spotify_account_id text,
    display_name text,
    last_active_at timestamp with time zone,
    shares_name boolean DEFAULT false NOT NULL,
    former_names text[] DEFAULT '{}'::text[] NOT NULL,
    former_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    CONSTRAINT users_name_check CHECK (public.is_user_name(name)),
    CONSTRAINT users_total_listening_ms_check CHECK ((total_listening_ms >= 0)),
    CONSTRAINT users_total_play_count_check CHECK ((total_play_count >= 0))
);

COMMENT ON TABLE public.users IS 'One row per user, with all-time totals.';

COMMENT ON COLUMN public.users.id IS 'surrogate key';

COMMENT ON COLUMN public.users.name IS 'local handle: the name of the upload folder and the value of --user';

COMMENT ON COLUMN public.users.spotify_id IS 'Spotify user id; kept after a logout; NULL until a Spotify account is linked';

COMMENT ON COLUMN public.users.total_play_count IS 'number of listening events, archived ones included';

COMMENT ON COLUMN public.users.total_listening_ms IS 'milliseconds of all listening events, archived ones included';

COMMENT ON COLUMN public.users.last_ingested_at IS 'when plays last landed; NULL before the first';

COMMENT ON COLUMN public.users.top_stats_refreshed_at IS 'when Spotify''s top lists were last fetched; NULL before the first time';

COMMENT ON COLUMN public.users.created_at IS 'when the row was inserted';

COMMENT ON COLUMN public.users.spotify_account_id IS 'Spotify''s immutable key of the account; kept after a logout; NULL until Spotify returns one';

COMMENT ON COLUMN public.users.display_name IS 'display name of the Spotify account; NULL where there is none';

COMMENT ON COLUMN public.users.last_active_at IS 'when the user last opened a page or ran a command; NULL if never';

COMMENT ON COLUMN public.users.shares_name IS 'an older user has the same name in another spelling, so that only the very name means this one';

COMMENT ON COLUMN public.users.former_names IS 'names before `myi rename-user`, and those of users who were merged into this one';

COMMENT ON COLUMN public.users.former_ids IS 'ids of users who were merged into this one; rows in the archive may still have them';

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.web_passwords (
    id bigint NOT NULL,
    user_id bigint,
    argon2id bytea NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.web_passwords IS 'One row per listener with a password, and one for the operator.';

COMMENT ON COLUMN public.web_passwords.id IS 'surrogate key';

COMMENT ON COLUMN public.web_passwords.user_id IS 'users.id; NULL: the operator';

COMMENT ON COLUMN public.web_passwords.argon2id IS 'Argon2id hash in PHC format, with salt and costs';

COMMENT ON COLUMN public.web_passwords.changed_at IS 'when it was set';

ALTER TABLE public.web_passwords ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.web_passwords_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.web_sessions (
    id bigint NOT NULL,
    user_id bigint,
    secret_hash bytea NOT NULL,
    method public.sign_in_method NOT NULL,
    device text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT web_sessions_device_check CHECK ((length(device) <= 100)),
    CONSTRAINT web_sessions_secret_hash_check CHECK ((length(secret_hash) = 32))
);

COMMENT ON TABLE public.web_sessions IS 'One row per session of a browser that is signed in.';

COMMENT ON COLUMN public.web_sessions.id IS 'surrogate key';

COMMENT ON COLUMN public.web_sessions.user_id IS 'users.id of who signed in; NULL: the operator';

COMMENT ON COLUMN public.web_sessions.secret_hash IS 'SHA-256 of what the browser''s cookie holds';

COMMENT ON COLUMN public.web_sessions.method IS 'by what the session began';

COMMENT ON COLUMN public.web_sessions.device IS 'family of browser and system, to tell sessions apart';

COMMENT ON COLUMN public.web_sessions.created_at IS 'when it began';

COMMENT ON COLUMN public.web_sessions.last_used_at IS 'when it was last used, to some minutes';

COMMENT ON COLUMN public.web_sessions.expires_at IS 'when it ends at the latest; it ends earlier when it is not used';

ALTER TABLE public.web_sessions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.web_sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.albums
    ADD CONSTRAINT albums_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.archived_months
    ADD CONSTRAINT archived_months_folder_key UNIQUE (folder);

ALTER TABLE ONLY public.archived_months
    ADD CONSTRAINT archived_months_pkey PRIMARY KEY (month, part);

ALTER TABLE ONLY public.archived_names
    ADD CONSTRAINT archived_names_pkey PRIMARY KEY (export_track_id, user_id, month);

ALTER TABLE ONLY public.archived_user_months
    ADD CONSTRAINT archived_user_months_pkey PRIMARY KEY (user_id, month);

ALTER TABLE ONLY public.artists
    ADD CONSTRAINT artists_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.awaited_logins
    ADD CONSTRAINT awaited_logins_pkey PRIMARY KEY (state_hash);

ALTER TABLE ONLY public.catalog_version
    ADD CONSTRAINT catalog_version_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.corrected_song_keys
    ADD CONSTRAINT corrected_song_keys_pkey PRIMARY KEY (track_id, song_key);

ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT corrections_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.cover_images
    ADD CONSTRAINT cover_images_key_key UNIQUE (key);

ALTER TABLE ONLY public.cover_images
    ADD CONSTRAINT cover_images_pkey PRIMARY KEY (image_url);

ALTER TABLE ONLY public.episode_events
    ADD CONSTRAINT episode_events_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY public.export_track_links
    ADD CONSTRAINT export_track_links_pkey PRIMARY KEY (export_track_id);

ALTER TABLE ONLY public.export_tracks
    ADD CONSTRAINT export_tracks_fingerprint_key UNIQUE (fingerprint);

ALTER TABLE ONLY public.export_tracks
    ADD CONSTRAINT export_tracks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hidden_track_months
    ADD CONSTRAINT hidden_track_months_pkey PRIMARY KEY (user_id, month, track_id);

ALTER TABLE ONLY public.import_job_duplicates
    ADD CONSTRAINT import_job_duplicates_pkey PRIMARY KEY (user_id, job_id, month);

ALTER TABLE ONLY public.import_jobs
    ADD CONSTRAINT import_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invalidated_user_months
    ADD CONSTRAINT invalidated_user_months_pkey PRIMARY KEY (user_id, month, stage);

ALTER TABLE ONLY public.latest_metadata_run
    ADD CONSTRAINT latest_metadata_run_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.listening_events
    ADD CONSTRAINT listening_events_pkey PRIMARY KEY (id, played_at);

ALTER TABLE ONLY public.metadata_refresh_log
    ADD CONSTRAINT metadata_refresh_log_entity_type_entity_id_key UNIQUE (entity_type, entity_id);

ALTER TABLE ONLY public.musicbrainz_failures
    ADD CONSTRAINT musicbrainz_failures_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.musicbrainz_objects
    ADD CONSTRAINT musicbrainz_objects_pkey PRIMARY KEY (object_type, mbid);

ALTER TABLE ONLY public.musicbrainz_searches
    ADD CONSTRAINT musicbrainz_searches_pkey PRIMARY KEY (object_type, key);

ALTER TABLE ONLY public.orphaned_archive_folders
    ADD CONSTRAINT orphaned_archive_folders_pkey PRIMARY KEY (folder);

ALTER TABLE ONLY public.pending_export_tracks
    ADD CONSTRAINT pending_export_tracks_pkey PRIMARY KEY (first_id, last_id);

ALTER TABLE ONLY public.pending_musicbrainz_searches
    ADD CONSTRAINT pending_musicbrainz_searches_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pending_song_tracks
    ADD CONSTRAINT pending_song_tracks_pkey PRIMARY KEY (track_id);

ALTER TABLE ONLY public.pending_spotify_objects
    ADD CONSTRAINT pending_spotify_objects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.play_contexts
    ADD CONSTRAINT play_contexts_fingerprint_key UNIQUE (fingerprint);

ALTER TABLE ONLY public.play_contexts
    ADD CONSTRAINT play_contexts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.playing_now
    ADD CONSTRAINT playing_now_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.poll_states
    ADD CONSTRAINT poll_states_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.polled_plays
    ADD CONSTRAINT polled_plays_pkey PRIMARY KEY (user_id, played_at, spotify_id);

ALTER TABLE ONLY public.possible_gaps
    ADD CONSTRAINT possible_gaps_pkey PRIMARY KEY (user_id, before);

ALTER TABLE ONLY public.retention_holds
    ADD CONSTRAINT retention_holds_pkey PRIMARY KEY (month);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.songs
    ADD CONSTRAINT songs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.spotify_auth
    ADD CONSTRAINT spotify_auth_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.spotify_objects
    ADD CONSTRAINT spotify_objects_pkey PRIMARY KEY (object_type, spotify_id);

ALTER TABLE ONLY public.spotify_top_artist_history
    ADD CONSTRAINT spotify_top_artist_history_pkey PRIMARY KEY (user_id, term, listed_on, rank);

ALTER TABLE ONLY public.spotify_top_artists
    ADD CONSTRAINT spotify_top_artists_user_id_term_artist_id_key UNIQUE (user_id, term, artist_id);

ALTER TABLE ONLY public.spotify_top_artists
    ADD CONSTRAINT spotify_top_artists_user_id_term_rank_key UNIQUE (user_id, term, rank);

ALTER TABLE ONLY public.spotify_top_track_history
    ADD CONSTRAINT spotify_top_track_history_pkey PRIMARY KEY (user_id, term, listed_on, rank);

ALTER TABLE ONLY public.spotify_top_tracks
    ADD CONSTRAINT spotify_top_tracks_user_id_term_rank_key UNIQUE (user_id, term, rank);

ALTER TABLE ONLY public.spotify_top_tracks
    ADD CONSTRAINT spotify_top_tracks_user_id_term_track_id_key UNIQUE (user_id, term, track_id);

ALTER TABLE ONLY public.track_aliases
    ADD CONSTRAINT track_aliases_pkey PRIMARY KEY (spotify_id);

ALTER TABLE ONLY public.track_artists
    ADD CONSTRAINT track_artists_pkey PRIMARY KEY (track_id, artist_id);

ALTER TABLE ONLY public.track_relinks
    ADD CONSTRAINT track_relinks_pkey PRIMARY KEY (asked_id, returned_id);

ALTER TABLE ONLY public.track_searches
    ADD CONSTRAINT track_searches_pkey PRIMARY KEY (track_key, artist_key);

ALTER TABLE ONLY public.tracks
    ADD CONSTRAINT tracks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_album_stats
    ADD CONSTRAINT user_album_stats_pkey PRIMARY KEY (user_id, album_id);

ALTER TABLE ONLY public.user_artist_stats
    ADD CONSTRAINT user_artist_stats_pkey PRIMARY KEY (user_id, artist_id);

ALTER TABLE ONLY public.user_context_stats
    ADD CONSTRAINT user_context_stats_pkey PRIMARY KEY (user_id, dimension, value);

ALTER TABLE ONLY public.user_hour_months
    ADD CONSTRAINT user_hour_months_pkey PRIMARY KEY (user_id, month);

ALTER TABLE ONLY public.user_hour_stats
    ADD CONSTRAINT user_hour_stats_pkey PRIMARY KEY (user_id, hour);

ALTER TABLE ONLY public.user_month_contexts
    ADD CONSTRAINT user_month_contexts_pkey PRIMARY KEY (user_id, month);

ALTER TABLE ONLY public.user_month_edges
    ADD CONSTRAINT user_month_edges_pkey PRIMARY KEY (user_id, month, track_id);

ALTER TABLE ONLY public.user_settings
    ADD CONSTRAINT user_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_song_sums
    ADD CONSTRAINT user_song_sums_pkey PRIMARY KEY (user_id, song_id);

ALTER TABLE ONLY public.user_time_bucket_stats
    ADD CONSTRAINT user_time_bucket_stats_pkey PRIMARY KEY (user_id, bucket_type, bucket_date);

ALTER TABLE ONLY public.user_track_months
    ADD CONSTRAINT user_track_months_pkey PRIMARY KEY (user_id, month, track_id) WITH (fillfactor='100');

ALTER TABLE ONLY public.user_track_stats
    ADD CONSTRAINT user_track_stats_pkey PRIMARY KEY (user_id, track_id);

ALTER TABLE ONLY public.user_versions
    ADD CONSTRAINT user_versions_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_weekday_hour_stats
    ADD CONSTRAINT user_weekday_hour_stats_pkey PRIMARY KEY (user_id, weekday, hour);

ALTER TABLE ONLY public.user_year_top_tracks
    ADD CONSTRAINT user_year_top_tracks_pkey PRIMARY KEY (user_id, year, track_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_name_key UNIQUE (name);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_spotify_account_id_key UNIQUE (spotify_account_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_spotify_id_key UNIQUE (spotify_id);

ALTER TABLE ONLY public.web_passwords
    ADD CONSTRAINT web_passwords_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.web_passwords
    ADD CONSTRAINT web_passwords_user_id_key UNIQUE NULLS NOT DISTINCT (user_id);

ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_secret_hash_key UNIQUE (secret_hash);

CREATE UNIQUE INDEX albums_by_name ON public.albums USING btree (name_key, artist_key) NULLS NOT DISTINCT WHERE is_canonical_for_name;

CREATE INDEX albums_namesakes ON public.albums USING btree (name_key) WHERE (NOT is_canonical_for_name);

CREATE UNIQUE INDEX albums_spotify_id_key ON public.albums USING btree (spotify_id) WHERE (spotify_id IS NOT NULL);

CREATE INDEX api_tokens_user_id_idx ON public.api_tokens USING btree (user_id);

CREATE INDEX archived_names_user_id_month_idx ON public.archived_names USING btree (user_id, month);

CREATE INDEX archived_user_months_month_part_idx ON public.archived_user_months USING btree (month, part);

CREATE UNIQUE INDEX artists_by_name ON public.artists USING btree (name_key) WHERE is_canonical_for_name;

CREATE INDEX artists_genres_idx ON public.artists USING gin (genres);

CREATE INDEX artists_namesakes ON public.artists USING btree (name_key) WHERE (NOT is_canonical_for_name);

CREATE UNIQUE INDEX artists_spotify_id_key ON public.artists USING btree (spotify_id) WHERE (spotify_id IS NOT NULL);

CREATE UNIQUE INDEX corrections_identity ON public.corrections USING btree (user_id, kind, md5((what)::text));

CREATE UNIQUE INDEX episode_events_identity ON public.episode_events USING btree (user_id, played_at, export_track_id, ms_played);

CREATE INDEX export_track_links_track_id_idx ON public.export_track_links USING btree (track_id);

CREATE INDEX export_tracks_artist_key_album_key_idx ON public.export_tracks USING btree (artist_key, album_key);

CREATE INDEX export_tracks_not_music ON public.export_tracks USING btree (id) WHERE (kind <> 'TRACK'::public.content_kind);

CREATE INDEX export_tracks_song_key_idx ON public.export_tracks USING btree (song_key);

CREATE INDEX export_tracks_spotify_id_idx ON public.export_tracks USING btree (spotify_id);

CREATE INDEX export_tracks_track_key_artist_key_idx ON public.export_tracks USING btree (track_key, artist_key) WHERE (spotify_id IS NULL);

CREATE INDEX import_jobs_created_at_idx ON public.import_jobs USING btree (created_at DESC);

CREATE UNIQUE INDEX import_jobs_upload ON public.import_jobs USING btree (user_id, sha256) WHERE (status <> 'FAILED'::public.job_status);

CREATE UNIQUE INDEX imported_plays_identity ON ONLY public.imported_plays USING btree (user_id, played_at, export_track_id, ms_played, stopped_at) NULLS NOT DISTINCT;

CREATE INDEX imported_plays_user_id_played_at_idx ON ONLY public.imported_plays USING btree (user_id, played_at) WHERE (context_id IS NULL);

CREATE INDEX listening_events_created ON ONLY public.listening_events USING btree (user_id, created_at DESC);

CREATE UNIQUE INDEX listening_events_identity ON ONLY public.listening_events USING btree (user_id, played_at DESC, track_id);

CREATE INDEX listening_events_track ON ONLY public.listening_events USING btree (track_id);

CREATE INDEX metadata_refresh_log_next_refresh_at_idx ON public.metadata_refresh_log USING btree (next_refresh_at);

CREATE INDEX polled_plays_spotify_id_idx ON ONLY public.polled_plays USING btree (spotify_id);

CREATE INDEX possible_gaps_user_id_found_at_idx ON public.possible_gaps USING btree (user_id, found_at DESC);

CREATE INDEX sign_in_links_user_id_idx ON public.sign_in_links USING btree (user_id);

CREATE INDEX spotify_top_artists_artist_id_idx ON public.spotify_top_artists USING btree (artist_id);

CREATE INDEX spotify_top_tracks_track_id_idx ON public.spotify_top_tracks USING btree (track_id);

CREATE INDEX track_aliases_track_id_idx ON public.track_aliases USING btree (track_id);

CREATE INDEX track_artists_artist_id_idx ON public.track_artists USING btree (artist_id);

CREATE INDEX track_relinks_returned_id_idx ON public.track_relinks USING btree (returned_id);

CREATE INDEX tracks_album_id_idx ON public.tracks USING btree (album_id);

CREATE INDEX tracks_isrc ON public.tracks USING btree (public.isrc_song_key(isrc)) WHERE (isrc IS NOT NULL);

CREATE INDEX tracks_merged ON public.tracks USING btree (merged_into) WHERE (merged_into IS NOT NULL);

CREATE INDEX tracks_payload_song_key_idx ON public.tracks USING btree (payload_song_key) WHERE (payload_song_key IS NOT NULL);

CREATE UNIQUE INDEX tracks_provisional_key ON public.tracks USING btree (name_key, artist_key) WHERE ((spotify_id IS NULL) AND (merged_into IS NULL));

CREATE INDEX tracks_song_id_idx ON public.tracks USING btree (song_id);

CREATE UNIQUE INDEX tracks_spotify_id_key ON public.tracks USING btree (spotify_id) WHERE (spotify_id IS NOT NULL);

CREATE UNIQUE INDEX undone_plays_identity ON public.undone_plays USING btree (user_id, played_at, export_track_id, ms_played, stopped_at) NULLS NOT DISTINCT;

CREATE INDEX user_album_stats_top ON public.user_album_stats USING btree (user_id, play_count DESC);

CREATE INDEX user_artist_stats_artist_id_idx ON public.user_artist_stats USING btree (artist_id);

CREATE INDEX user_artist_stats_top ON public.user_artist_stats USING btree (user_id, play_count DESC);

CREATE INDEX user_song_sums_song_id_idx ON public.user_song_sums USING btree (song_id);

CREATE INDEX user_song_sums_top ON public.user_song_sums USING btree (user_id, play_count DESC);

CREATE INDEX user_track_stats_top ON public.user_track_stats USING btree (user_id, play_count DESC);

CREATE INDEX user_track_stats_track_id_idx ON public.user_track_stats USING btree (track_id);

CREATE UNIQUE INDEX users_folded_name ON public.users USING btree (public.user_name_key(name)) WHERE (NOT shares_name);

CREATE INDEX web_sessions_user_id_idx ON public.web_sessions USING btree (user_id);

CREATE TRIGGER correct_songs AFTER INSERT ON public.corrections FOR EACH ROW WHEN ((new.kind = ANY (ARRAY['JOIN_SONGS'::public.correction_kind, 'SPLIT_SONG'::public.correction_kind]))) EXECUTE FUNCTION public.correct_songs();

CREATE TRIGGER forget_user AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.forget_user();

CREATE TRIGGER give_song BEFORE INSERT ON public.tracks FOR EACH ROW WHEN ((new.song_id IS NULL)) EXECUTE FUNCTION public.give_song();

CREATE TRIGGER refuse_to_delete BEFORE DELETE OR TRUNCATE ON public.export_tracks FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_delete();

CREATE TRIGGER uncorrect_songs AFTER DELETE ON public.corrections FOR EACH ROW WHEN ((old.kind = ANY (ARRAY['JOIN_SONGS'::public.correction_kind, 'SPLIT_SONG'::public.correction_kind]))) EXECUTE FUNCTION public.correct_songs();

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.archived_names
    ADD CONSTRAINT archived_names_user_id_month_fkey FOREIGN KEY (user_id, month) REFERENCES public.archived_user_months(user_id, month) ON DELETE CASCADE;

ALTER TABLE ONLY public.archived_user_months
    ADD CONSTRAINT archived_user_months_month_part_fkey FOREIGN KEY (month, part) REFERENCES public.archived_months(month, part);

ALTER TABLE ONLY public.archived_user_months
    ADD CONSTRAINT archived_user_months_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.corrected_song_keys
    ADD CONSTRAINT corrected_song_keys_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT corrections_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.episode_events
    ADD CONSTRAINT episode_events_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.export_track_links
    ADD CONSTRAINT export_track_links_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id);

ALTER TABLE ONLY public.hidden_track_months
    ADD CONSTRAINT hidden_track_months_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.import_job_duplicates
    ADD CONSTRAINT import_job_duplicates_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.import_jobs
    ADD CONSTRAINT import_jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.invalidated_user_months
    ADD CONSTRAINT invalidated_user_months_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE public.listening_events
    ADD CONSTRAINT listening_events_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id);

ALTER TABLE public.listening_events
    ADD CONSTRAINT listening_events_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.playing_now
    ADD CONSTRAINT playing_now_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.poll_states
    ADD CONSTRAINT poll_states_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE public.polled_plays
    ADD CONSTRAINT polled_plays_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.possible_gaps
    ADD CONSTRAINT possible_gaps_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.spotify_auth
    ADD CONSTRAINT spotify_auth_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.spotify_top_artist_history
    ADD CONSTRAINT spotify_top_artist_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.spotify_top_artists
    ADD CONSTRAINT spotify_top_artists_artist_id_fkey FOREIGN KEY (artist_id) REFERENCES public.artists(id);

ALTER TABLE ONLY public.spotify_top_artists
    ADD CONSTRAINT spotify_top_artists_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.spotify_top_track_history
    ADD CONSTRAINT spotify_top_track_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.spotify_top_tracks
    ADD CONSTRAINT spotify_top_tracks_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id);

ALTER TABLE ONLY public.spotify_top_tracks
    ADD CONSTRAINT spotify_top_tracks_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.track_aliases
    ADD CONSTRAINT track_aliases_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.track_artists
    ADD CONSTRAINT track_artists_artist_id_fkey FOREIGN KEY (artist_id) REFERENCES public.artists(id);

ALTER TABLE ONLY public.track_artists
    ADD CONSTRAINT track_artists_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.tracks
    ADD CONSTRAINT tracks_album_id_fkey FOREIGN KEY (album_id) REFERENCES public.albums(id);

ALTER TABLE ONLY public.tracks
    ADD CONSTRAINT tracks_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES public.tracks(id);

ALTER TABLE ONLY public.undone_plays
    ADD CONSTRAINT undone_plays_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_album_stats
    ADD CONSTRAINT user_album_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_artist_stats
    ADD CONSTRAINT user_artist_stats_artist_id_fkey FOREIGN KEY (artist_id) REFERENCES public.artists(id);

ALTER TABLE ONLY public.user_artist_stats
    ADD CONSTRAINT user_artist_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_context_stats
    ADD CONSTRAINT user_context_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_hour_months
    ADD CONSTRAINT user_hour_months_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_hour_stats
    ADD CONSTRAINT user_hour_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_month_contexts
    ADD CONSTRAINT user_month_contexts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_month_edges
    ADD CONSTRAINT user_month_edges_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_settings
    ADD CONSTRAINT user_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_song_sums
    ADD CONSTRAINT user_song_sums_song_id_fkey FOREIGN KEY (song_id) REFERENCES public.songs(id);

ALTER TABLE ONLY public.user_song_sums
    ADD CONSTRAINT user_song_sums_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_time_bucket_stats
    ADD CONSTRAINT user_time_bucket_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_track_stats
    ADD CONSTRAINT user_track_stats_track_id_fkey FOREIGN KEY (track_id) REFERENCES public.tracks(id);

ALTER TABLE ONLY public.user_versions
    ADD CONSTRAINT user_versions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_weekday_hour_stats
    ADD CONSTRAINT user_weekday_hour_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_year_top_tracks
    ADD CONSTRAINT user_year_top_tracks_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.web_passwords
    ADD CONSTRAINT web_passwords_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.web_sessions
    ADD CONSTRAINT web_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
