-- More statistics of the same plays: when each track was first played, counts by album, weekday
-- and way of listening, and lists of albums, artists and genres.
--
-- What the new columns and tables need of a play is not in the statistics that a warehouse has. So every user-month is
-- invalidated: the next run of the statistics fills them from the events, and restores those that are archived.

-- Until then a track's first play is known no closer than by its latest one, and of several plays in a month no length.
-- Columns whose type changes are written without leaving dead rows behind.
ALTER TABLE user_track_months ADD COLUMN first_played_at timestamptz, ADD COLUMN ms_played integer[];
ALTER TABLE user_track_months
    ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at,
    ALTER COLUMN ms_played TYPE integer[] USING CASE WHEN play_count > 1 THEN '{}'::integer[] END;
ALTER TABLE user_track_months ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_months.first_played_at IS 'end of the first play in the month';
COMMENT ON COLUMN user_track_months.ms_played IS
    'milliseconds of each play, ascending, estimated ones left out; NULL where total_ms is that of the only play';

ALTER TABLE user_track_stats ADD COLUMN first_played_at timestamptz;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_stats.first_played_at IS 'end of the first play';

-- Artists. The sums are what they were.
ALTER TABLE user_artist_stats ADD COLUMN first_played_at timestamptz, ADD COLUMN last_played_at timestamptz;
UPDATE user_artist_stats AS a
SET first_played_at = summed.first_played_at, last_played_at = summed.last_played_at
FROM (SELECT s.user_id, credit.artist_id, min(s.first_played_at) AS first_played_at,
             max(s.last_played_at) AS last_played_at
      FROM user_track_stats AS s
      JOIN track_artists AS credit USING (track_id)
      GROUP BY s.user_id, credit.artist_id) AS summed
WHERE a.user_id = summed.user_id AND a.artist_id = summed.artist_id;
ALTER TABLE user_artist_stats ALTER COLUMN first_played_at SET NOT NULL, ALTER COLUMN last_played_at SET NOT NULL;
COMMENT ON COLUMN user_artist_stats.first_played_at IS 'end of the first play';
COMMENT ON COLUMN user_artist_stats.last_played_at IS 'end of the latest play';

-- Albums. No foreign key to albums: the album 0 is none, and it would need an index. Its rows are derived and verified.
CREATE TABLE user_album_stats (
    user_id         bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    album_id        bigint NOT NULL,
    play_count      bigint NOT NULL CHECK (play_count > 0),
    total_ms        bigint NOT NULL CHECK (total_ms > 0),
    first_played_at timestamptz NOT NULL,
    last_played_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, album_id)
);
CREATE INDEX user_album_stats_top ON user_album_stats (user_id, play_count DESC);
COMMENT ON TABLE user_album_stats IS
    'One row per user and album that the user ever played, and one for tracks without an album: all-time counts.';
COMMENT ON COLUMN user_album_stats.user_id IS 'users.id';
COMMENT ON COLUMN user_album_stats.album_id IS 'albums.id; 0 for the tracks whose album is unknown';
COMMENT ON COLUMN user_album_stats.play_count IS 'number of plays';
COMMENT ON COLUMN user_album_stats.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_album_stats.first_played_at IS 'end of the first play';
COMMENT ON COLUMN user_album_stats.last_played_at IS 'end of the latest play';

-- While a merged track has statistics, it is on the album of the track that is kept.
UPDATE tracks AS t SET album_id = kept.album_id FROM tracks AS kept WHERE kept.id = t.merged_into;
COMMENT ON COLUMN tracks.album_id IS
    'albums.id; NULL while the album is unknown; of a merged track that of merged_into';

INSERT INTO user_album_stats (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)
SELECT s.user_id, coalesce(t.album_id, 0), sum(s.play_count), sum(s.total_ms),
       min(s.first_played_at), max(s.last_played_at)
FROM user_track_stats AS s
JOIN tracks AS t ON t.id = s.track_id
GROUP BY s.user_id, coalesce(t.album_id, 0)
ORDER BY s.user_id, coalesce(t.album_id, 0);

CREATE VIEW named_albums AS
SELECT albums.id, albums.name,
       (SELECT artists.name FROM artists
        WHERE artists.name_key = albums.artist_key AND artists.is_canonical_for_name) AS artist
FROM albums;
COMMENT ON VIEW named_albums IS 'One row per album, with the names to show.';
COMMENT ON COLUMN named_albums.id IS 'albums.id';
COMMENT ON COLUMN named_albums.name IS 'name of the album';
COMMENT ON COLUMN named_albums.artist IS 'name of the first artist; NULL while unknown';

-- Hours of the week and ways of listening: one row per user-month with arrays, which takes a tenth of the space that a
-- row per hour or way would.

-- Of the hours that are known no weekday is known yet; they are put on Monday until the user-months are derived again.
CREATE TEMPORARY TABLE known_hours ON COMMIT DROP AS
SELECT user_id, month, array_agg(hour ORDER BY hour) AS week_hours, array_agg(play_count ORDER BY hour) AS play_counts,
       array_agg(total_ms ORDER BY hour) AS total_ms
FROM user_hour_months
GROUP BY user_id, month;

DROP TABLE user_hour_months;
CREATE TABLE user_hour_months (
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    month       date NOT NULL,
    week_hours  smallint[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms    bigint[] NOT NULL,
    PRIMARY KEY (user_id, month)
);
COMMENT ON TABLE user_hour_months IS
    'One row per user and UTC month: in which hours of the local week the plays of the month ended. '
    'user_weekday_hour_months has a row per hour.';
COMMENT ON COLUMN user_hour_months.user_id IS 'users.id';
COMMENT ON COLUMN user_hour_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_hour_months.week_hours IS
    'hours with plays, ascending: 0 is the first of Monday, 167 the last of Sunday, in the time zone of the user';
COMMENT ON COLUMN user_hour_months.play_counts IS 'number of plays in each of the hours';
COMMENT ON COLUMN user_hour_months.total_ms IS 'milliseconds heard in each of the hours';

INSERT INTO user_hour_months (user_id, month, week_hours, play_counts, total_ms)
SELECT user_id, month, week_hours, play_counts, total_ms FROM known_hours ORDER BY user_id, month;

CREATE VIEW user_weekday_hour_months AS
SELECT m.user_id, m.month, (one.week_hour / 24 + 1)::smallint AS weekday, (one.week_hour % 24)::smallint AS hour,
       one.play_count, one.total_ms
FROM user_hour_months AS m
CROSS JOIN LATERAL unnest(m.week_hours, m.play_counts, m.total_ms) AS one (week_hour, play_count, total_ms);
COMMENT ON VIEW user_weekday_hour_months IS
    'One row per user, UTC month, local weekday and hour in which the user played something.';
COMMENT ON COLUMN user_weekday_hour_months.user_id IS 'users.id';
COMMENT ON COLUMN user_weekday_hour_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_weekday_hour_months.weekday IS 'ISO day of the week in the time zone of the user: 1 is Monday';
COMMENT ON COLUMN user_weekday_hour_months.hour IS 'hour of the day in the time zone of the user, 0 to 23';
COMMENT ON COLUMN user_weekday_hour_months.play_count IS 'number of plays';
COMMENT ON COLUMN user_weekday_hour_months.total_ms IS 'milliseconds heard';

CREATE TABLE user_weekday_hour_stats (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    play_count bigint NOT NULL CHECK (play_count > 0),
    total_ms   bigint NOT NULL CHECK (total_ms > 0),
    weekday    smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    PRIMARY KEY (user_id, weekday, hour)
);
COMMENT ON TABLE user_weekday_hour_stats IS
    'One row per user, local weekday and hour in which the user ever played something: at most 168.';
COMMENT ON COLUMN user_weekday_hour_stats.user_id IS 'users.id';
COMMENT ON COLUMN user_weekday_hour_stats.play_count IS 'number of plays';
COMMENT ON COLUMN user_weekday_hour_stats.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_weekday_hour_stats.weekday IS 'ISO day of the week in the time zone of the user: 1 is Monday';
COMMENT ON COLUMN user_weekday_hour_stats.hour IS 'hour of the day in the time zone of the user, 0 to 23';

INSERT INTO user_weekday_hour_stats (user_id, weekday, hour, play_count, total_ms)
SELECT user_id, weekday, hour, sum(play_count), sum(total_ms)
FROM user_weekday_hour_months
GROUP BY user_id, weekday, hour
ORDER BY user_id, weekday, hour;

-- From free text such as "iOS 17.1 (iPhone13,2)", "Partner sonos_imx6 Sonos;Beam;;tpapi" or "web_player osx 10.15;…".
-- What a device runs in comes before what it runs on: a television may say "android_tv".
CREATE FUNCTION platform_family(platform text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN platform IS NULL OR platform ~* '^\s*(not_applicable|unknown)?\s*$' COLLATE "C" THEN 'unknown'
        WHEN platform ~* 'web_?player' COLLATE "C" THEN 'web'
        WHEN platform ~* 'playstation|scei|\mps[345]|xbox|nintendo' COLLATE "C" THEN 'console'
        WHEN platform ~* 'watch|wear_? ?os|garmin|fitbit|samsung_gear' COLLATE "C" THEN 'watch'
        WHEN platform ~* 'android.?auto|automotive|carplay|car_? ?thing|superbird|tesla|\mcar\M' COLLATE "C" THEN 'car'
        WHEN platform ~* '(_|\m)tv|tvos|webos|tizen|roku|bravia|vizio|fire_?tv' COLLATE "C" THEN 'tv'
        WHEN platform ~* 'cast|sonos|amazon|echo|alexa|homepod|speaker|bose' COLLATE "C" THEN 'speaker'
        WHEN platform ~* '(^|[^a-z])ios([^a-z]|$)|iphone|ipad|ipod' COLLATE "C" THEN 'ios'
        WHEN platform ~* 'android' COLLATE "C" THEN 'android'
        WHEN platform ~* '(^|[^a-z])os_? ?x|macos|darwin' COLLATE "C" THEN 'macos'
        WHEN platform ~* 'windows' COLLATE "C" THEN 'windows'
        WHEN platform ~* 'linux|chrome ?os' COLLATE "C" THEN 'linux'
        WHEN platform ~* '^partner' COLLATE "C" THEN 'speaker'
        ELSE 'other'
    END;
COMMENT ON FUNCTION platform_family IS
    'Family of a platform as exports name it: android, ios, macos, windows, linux, web, tv, speaker, car, console, '
    'watch, other or unknown.';

ALTER TABLE play_contexts
    ADD COLUMN platform_family text NOT NULL GENERATED ALWAYS AS (platform_family(platform)) STORED;
COMMENT ON COLUMN play_contexts.platform_family IS 'platform_family of platform';

CREATE TYPE context_dimension AS ENUM
    ('PLATFORM', 'COUNTRY', 'REASON_START', 'REASON_END', 'SHUFFLE', 'OFFLINE', 'INCOGNITO', 'SKIP', 'SHARE_HEARD');
COMMENT ON TYPE context_dimension IS
    'In what respect plays are told apart by how they were heard. SKIP: for less than 30 seconds; SHARE_HEARD: how '
    'much of the track.';

-- Which contexts, and not which values: a play is counted once for eight dimensions, and what a platform belongs to may
-- be decided anew without counting again.
CREATE TABLE user_month_contexts (
    user_id     bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    skip_ms     bigint NOT NULL CHECK (skip_ms >= 0),
    month       date NOT NULL,
    skip_count  integer NOT NULL CHECK (skip_count >= 0),
    context_ids integer[] NOT NULL,
    play_counts integer[] NOT NULL,
    total_ms    bigint[] NOT NULL,
    PRIMARY KEY (user_id, month)
);
COMMENT ON TABLE user_month_contexts IS
    'One row per user and UTC month: in which contexts the plays of the month were heard. user_context_months has a '
    'row per dimension and value.';
COMMENT ON COLUMN user_month_contexts.user_id IS 'users.id';
COMMENT ON COLUMN user_month_contexts.skip_ms IS 'milliseconds of the plays that skip_count counts';
COMMENT ON COLUMN user_month_contexts.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_month_contexts.skip_count IS 'plays heard for less than 30 seconds';
COMMENT ON COLUMN user_month_contexts.context_ids IS
    'play_contexts.id, ascending; 0 for plays of which the context is not known (polled, account data)';
COMMENT ON COLUMN user_month_contexts.play_counts IS 'number of plays in each of the contexts';
COMMENT ON COLUMN user_month_contexts.total_ms IS 'milliseconds heard in each of the contexts';

INSERT INTO user_month_contexts (user_id, month, skip_count, skip_ms, context_ids, play_counts, total_ms)
SELECT user_id, month, 0, 0, '{0}', ARRAY[sum(play_count)], ARRAY[sum(total_ms)]
FROM user_track_months
GROUP BY user_id, month
ORDER BY user_id, month;

-- PostgreSQL inlines it.
CREATE FUNCTION context_values(context play_contexts)
    RETURNS TABLE (dimension context_dimension, value text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7 AS $$
    VALUES ('PLATFORM'::context_dimension, coalesce(context.platform_family, 'unknown')),
           ('COUNTRY', coalesce(nullif(nullif(context.country, ''), 'ZZ'), 'unknown')),
           ('REASON_START', coalesce(nullif(context.reason_start, ''), 'unknown')),
           ('REASON_END', coalesce(nullif(context.reason_end, ''), 'unknown')),
           ('SHUFFLE', coalesce(context.shuffle::text, 'unknown')),
           ('OFFLINE', coalesce(context.offline::text, 'unknown')),
           ('INCOGNITO', coalesce(context.incognito::text, 'unknown'))
$$;
COMMENT ON FUNCTION context_values IS
    'One row per dimension that a context tells: its value; unknown where the context does not tell it, or is NULL.';

-- The share of a track that was heard depends on its length, which is often learnt later, of archived plays too. So the
-- months of tracks keep how long each play was, and the view divides.
CREATE VIEW user_context_months AS
SELECT c.user_id, c.month, way.dimension, way.value, sum(one.play_count)::bigint AS play_count,
       sum(one.total_ms)::bigint AS total_ms
FROM user_month_contexts AS c
CROSS JOIN LATERAL unnest(c.context_ids, c.play_counts, c.total_ms) AS one (context_id, play_count, total_ms)
LEFT JOIN play_contexts AS p ON p.id = one.context_id
CROSS JOIN LATERAL context_values(p) AS way
GROUP BY c.user_id, c.month, way.dimension, way.value
UNION ALL
SELECT c.user_id, c.month, 'SKIP', way.value, way.play_count, way.total_ms
FROM user_month_contexts AS c
CROSS JOIN LATERAL (SELECT sum(one.play_count)::bigint AS play_count, sum(one.total_ms)::bigint AS total_ms
                    FROM unnest(c.play_counts, c.total_ms) AS one (play_count, total_ms)) AS every
CROSS JOIN LATERAL (VALUES
    ('true', c.skip_count::bigint, c.skip_ms),
    ('false', every.play_count - c.skip_count, every.total_ms - c.skip_ms)) AS way (value, play_count, total_ms)
WHERE way.play_count > 0
UNION ALL
SELECT heard.user_id, heard.month, 'SHARE_HEARD', heard.value, sum(heard.play_count)::bigint,
       sum(heard.total_ms)::bigint
FROM (SELECT m.user_id, m.month, 1 AS play_count, coalesce(one.ms, m.total_ms) AS total_ms,
             CASE WHEN t.duration_ms IS NULL THEN 'unknown'
                  WHEN coalesce(one.ms, m.total_ms) * 100 < t.duration_ms::bigint * 25 THEN 'under 25%'
                  WHEN coalesce(one.ms, m.total_ms) * 100 < t.duration_ms::bigint * 50 THEN '25% to 50%'
                  WHEN coalesce(one.ms, m.total_ms) * 100 < t.duration_ms::bigint * 75 THEN '50% to 75%'
                  WHEN coalesce(one.ms, m.total_ms) * 100 < t.duration_ms::bigint * 95 THEN '75% to 95%'
                  ELSE '95% or more' END AS value
      FROM user_track_months AS m
      JOIN tracks AS t ON t.id = m.track_id
      LEFT JOIN LATERAL unnest(m.ms_played) AS one (ms) ON true
      WHERE m.ms_played IS NULL OR one.ms IS NOT NULL
      UNION ALL
      SELECT m.user_id, m.month, m.play_count - cardinality(m.ms_played),
             m.total_ms - coalesce((SELECT sum(ms) FROM unnest(m.ms_played) AS ms), 0), 'unknown'
      FROM user_track_months AS m
      WHERE cardinality(m.ms_played) < m.play_count) AS heard
GROUP BY heard.user_id, heard.month, heard.value;
COMMENT ON VIEW user_context_months IS
    'One row per user, UTC month, dimension and value: how the plays of the month were heard. The values of each '
    'dimension sum to all plays. SHARE_HEARD reads every track of the month.';
COMMENT ON COLUMN user_context_months.user_id IS 'users.id';
COMMENT ON COLUMN user_context_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_context_months.dimension IS 'what is told apart';
COMMENT ON COLUMN user_context_months.value IS
    'platform family, country (ISO 3166-1 alpha-2), reason, true or false, or share of the track; unknown where no '
    'source tells it';
COMMENT ON COLUMN user_context_months.play_count IS 'number of plays';
COMMENT ON COLUMN user_context_months.total_ms IS 'milliseconds heard';

CREATE TABLE user_context_stats (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    play_count bigint NOT NULL CHECK (play_count > 0),
    total_ms   bigint NOT NULL CHECK (total_ms > 0),
    dimension  context_dimension NOT NULL CHECK (dimension <> 'SHARE_HEARD'),
    value      text NOT NULL,
    PRIMARY KEY (user_id, dimension, value)
);
COMMENT ON TABLE user_context_stats IS
    'One row per user, dimension and value: how all plays were heard. Without SHARE_HEARD: the view '
    'user_context_months has it.';
COMMENT ON COLUMN user_context_stats.user_id IS 'users.id';
COMMENT ON COLUMN user_context_stats.play_count IS 'number of plays';
COMMENT ON COLUMN user_context_stats.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_context_stats.dimension IS 'what is told apart';
COMMENT ON COLUMN user_context_stats.value IS 'see user_context_months.value';

INSERT INTO user_context_stats (user_id, dimension, value, play_count, total_ms)
SELECT user_id, dimension, value, sum(play_count), sum(total_ms)
FROM user_context_months
WHERE dimension <> 'SHARE_HEARD'
GROUP BY user_id, dimension, value
ORDER BY user_id, dimension, value;


-- By month. These are sums over user_track_months, so they take no space and are right whatever the catalog learns.
CREATE VIEW user_album_months AS
SELECT m.user_id, m.month, coalesce(t.album_id, 0) AS album_id, sum(m.play_count)::bigint AS play_count,
       sum(m.total_ms)::bigint AS total_ms, min(m.first_played_at) AS first_played_at,
       max(m.last_played_at) AS last_played_at
FROM user_track_months AS m
JOIN tracks AS t ON t.id = m.track_id
GROUP BY m.user_id, m.month, coalesce(t.album_id, 0);
COMMENT ON VIEW user_album_months IS 'One row per user, UTC month and album: name both or at least the user.';
COMMENT ON COLUMN user_album_months.user_id IS 'users.id';
COMMENT ON COLUMN user_album_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_album_months.album_id IS 'albums.id; 0 for the tracks whose album is unknown';
COMMENT ON COLUMN user_album_months.play_count IS 'number of plays';
COMMENT ON COLUMN user_album_months.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_album_months.first_played_at IS 'end of the first play in the month';
COMMENT ON COLUMN user_album_months.last_played_at IS 'end of the latest play in the month';

CREATE VIEW user_artist_months AS
SELECT m.user_id, m.month, credit.artist_id, sum(m.play_count)::bigint AS play_count,
       sum(m.total_ms)::bigint AS total_ms, min(m.first_played_at) AS first_played_at,
       max(m.last_played_at) AS last_played_at
FROM user_track_months AS m
JOIN track_artists AS credit USING (track_id)
GROUP BY m.user_id, m.month, credit.artist_id;
COMMENT ON VIEW user_artist_months IS
    'One row per user, UTC month and artist: name both or at least the user. A play counts for every credited artist.';
COMMENT ON COLUMN user_artist_months.user_id IS 'users.id';
COMMENT ON COLUMN user_artist_months.month IS 'first day of the UTC month';
COMMENT ON COLUMN user_artist_months.artist_id IS 'artists.id';
COMMENT ON COLUMN user_artist_months.play_count IS 'number of plays';
COMMENT ON COLUMN user_artist_months.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_artist_months.first_played_at IS 'end of the first play in the month';
COMMENT ON COLUMN user_artist_months.last_played_at IS 'end of the latest play in the month';

-- The statistics count by UTC month; user_month_edges corrects them to local months. PostgreSQL inlines this function
-- into the statements that use it.
CREATE FUNCTION tracks_of_local_months(of_user bigint, first_month date, end_month date)
    RETURNS TABLE (track_id bigint, play_count bigint, total_ms bigint)
    LANGUAGE sql STABLE AS $$
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
COMMENT ON FUNCTION tracks_of_local_months IS
    'One row per track that a user played in some local months, from the first day of one to that of another.';

CREATE FUNCTION top_artists(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_artists IS
    'One row per artist: those that a user played most, the most played first. A play counts for every credited '
    'artist.';

CREATE FUNCTION top_artists_of_month(of_user bigint, of_month date, each integer DEFAULT 50)
    RETURNS TABLE (name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_artists_of_month IS
    'One row per artist: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION top_artists_of_year(of_user bigint, of_year integer, each integer DEFAULT 50)
    RETURNS TABLE (name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_artists_of_year IS
    'One row per artist: those that a user played most in a local year, the most played first.';

CREATE FUNCTION top_albums(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_albums IS 'One row per album: those that a user played most, the most played first.';

CREATE FUNCTION top_albums_of_month(of_user bigint, of_month date, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_albums_of_month IS
    'One row per album: those that a user played most in the local month that contains a day, the most played first.';

CREATE FUNCTION top_albums_of_year(of_user bigint, of_year integer, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_albums_of_year IS
    'One row per album: those that a user played most in a local year, the most played first.';

-- A track with two artists of one genre counts once for it.
CREATE FUNCTION top_genres(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (genre text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_genres IS
    'One row per genre: those of the artists that a user played most. A play counts for each genre of its artists '
    'once.';

INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
ON CONFLICT DO NOTHING;
