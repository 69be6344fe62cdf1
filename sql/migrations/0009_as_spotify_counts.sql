-- Counting as Spotify does, to compare with Wrapped: streams of 30 seconds and more, in UTC days, podcasts included.

-- Totals come from statistics and from what is never archived. They are right for archived months, too.
CREATE FUNCTION as_spotify_counts(of_user bigint, of_year integer DEFAULT NULL)
    RETURNS TABLE (month date, play_count bigint, total_ms bigint, music_play_count bigint, music_ms bigint,
                   podcast_play_count bigint, podcast_ms bigint)
    LANGUAGE sql STABLE ROWS 12 AS $$
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
COMMENT ON FUNCTION as_spotify_counts IS
    'One row per UTC month of a year, or of all years, with streams of 30 seconds and more: how many and how long, '
    'everything that was played, and of it music and podcasts.';

-- Which tracks were streamed is not in the statistics, which count skips as plays, too.
CREATE FUNCTION tracks_as_spotify_counts(of_user bigint, first_day date, last_day date)
    RETURNS TABLE (track_id bigint, play_count bigint, total_ms bigint)
    LANGUAGE sql STABLE AS $$
    SELECT e.track_id, count(*), sum(e.ms_played)::bigint
    FROM listening_events AS e
    LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
    WHERE e.user_id = of_user AND NOT e.is_skip AND heard.incognito IS NOT TRUE
      AND e.played_at >= first_day::timestamp AT TIME ZONE 'UTC'
      AND e.played_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY e.track_id
$$;
COMMENT ON FUNCTION tracks_as_spotify_counts IS
    'One row per track that a user streamed for 30 seconds or more in some UTC days, private sessions left out. Of '
    'archived months nothing is seen.';

CREATE FUNCTION top_songs_as_spotify_counts(
    of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL)
    RETURNS TABLE (song_id bigint, name text, artist text, recordings integer, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_songs_as_spotify_counts IS
    'One row per song: those that a user streamed most in a UTC year, or in it until the end of a day, the most '
    'streamed first; see tracks_as_spotify_counts.';

CREATE FUNCTION top_tracks_as_spotify_counts(
    of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_tracks_as_spotify_counts IS
    'One row per track: those that a user streamed most in a UTC year, or in it until the end of a day, the most '
    'streamed first; see tracks_as_spotify_counts.';

CREATE FUNCTION top_artists_as_spotify_counts(
    of_user bigint, of_year integer, each integer DEFAULT 50, until date DEFAULT NULL)
    RETURNS TABLE (name text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_artists_as_spotify_counts IS
    'One row per artist: those that a user streamed most in a UTC year, or in it until the end of a day, the most '
    'streamed first. A stream counts for every credited artist; see tracks_as_spotify_counts.';
