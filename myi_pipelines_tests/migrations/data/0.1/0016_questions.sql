-- What dashboards ask most, for any tool that asks in SQL.
--
-- Such an answer takes less time than planning it. So functions answer, whose statements are planned once a session, for
-- every listener and month; of partitions, those that a question needs are then chosen when it is asked.

CREATE VIEW named_tracks AS
SELECT tracks.id, coalesce(tracks.name, tracks.spotify_id) AS name,
       (SELECT string_agg(artists.name, ', ' ORDER BY credit.position, artists.name)
        FROM track_artists AS credit JOIN artists ON artists.id = credit.artist_id
        WHERE credit.track_id = tracks.id) AS artist
FROM tracks;
COMMENT ON VIEW named_tracks IS 'One row per track: its name, or its Spotify id until that is known, and its artists.';

-- No play is later than tomorrow: partitions made ahead stay closed.
CREATE FUNCTION recent_plays(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (played_at timestamptz, name text, artist text, ms_played integer)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION recent_plays IS 'One row per play: the latest of a listener, the latest first.';

CREATE FUNCTION top_tracks(of_user bigint, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_tracks IS 'One row per rank: the tracks that a listener played most.';

-- The UTC month is counted already; plays between the beginnings of a local and a UTC month come on top or go off.
CREATE FUNCTION top_tracks_of_month(of_user bigint, of_month date, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
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
COMMENT ON FUNCTION top_tracks_of_month IS 'One row per rank: the tracks that a listener played most in a local month, named by any of its days.';

CREATE FUNCTION top_tracks_of_year(of_user bigint, of_year integer, each integer DEFAULT 50)
    RETURNS TABLE (name text, artist text, play_count bigint, total_ms bigint)
    LANGUAGE plpgsql STABLE ROWS 50 SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.name, named.artist, top.play_count::bigint, top.total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM user_year_top_tracks
          WHERE user_id = of_user AND year = of_year
          ORDER BY play_count DESC, total_ms DESC, track_id
          LIMIT each) AS top
    JOIN named_tracks AS named ON named.id = top.track_id
    ORDER BY top.play_count DESC, top.total_ms DESC, top.track_id;
END $$;
COMMENT ON FUNCTION top_tracks_of_year IS 'One row per rank: the tracks that a listener played most in a local year, of which 50 are kept.';
