-- More statistics of the same plays: when each track was first played, counts by album, and
-- lists of albums, artists and genres.
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
    'One row per artist: those that a user played most, the most played first. A play counts for every credited artist.';

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
    'One row per genre: those of the artists that a user played most. A play counts for each genre of its artists once.';

INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
ON CONFLICT DO NOTHING;
