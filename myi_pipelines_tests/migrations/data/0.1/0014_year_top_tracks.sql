-- The most played tracks of each year of a listener, and what makes a local month or year of UTC months.

-- A local month or year is the sum of its UTC months, the edge at its beginning added and the one at its end taken away.
CREATE TABLE user_month_edges (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    track_id   bigint NOT NULL,
    total_ms   bigint NOT NULL,
    play_count integer NOT NULL,
    month      date NOT NULL,
    PRIMARY KEY (user_id, month, track_id)
);
COMMENT ON TABLE user_month_edges IS 'One row per listener, beginning of a month and track played between the local and the UTC one.';
COMMENT ON COLUMN user_month_edges.month IS 'month that begins';
COMMENT ON COLUMN user_month_edges.play_count IS 'plays that are of this month at the listener''s clock and of the one before in UTC; negative where it is the other way round';
COMMENT ON COLUMN user_month_edges.total_ms IS 'milliseconds of these plays, negative as they are';

CREATE TABLE user_year_top_tracks (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    track_id   bigint NOT NULL,
    total_ms   bigint NOT NULL,
    play_count integer NOT NULL CHECK (play_count > 0),
    year       smallint NOT NULL,
    PRIMARY KEY (user_id, year, track_id)
);
COMMENT ON TABLE user_year_top_tracks IS 'One row per listener, local year and track among the 50 that they played most in it.';
COMMENT ON COLUMN user_year_top_tracks.year IS 'year at the listener''s clock';

INSERT INTO user_month_edges (user_id, track_id, total_ms, play_count, month)
SELECT user_id, track_id, sum(CASE WHEN local_month > utc_month THEN ms_played ELSE -ms_played END),
       sum(CASE WHEN local_month > utc_month THEN 1 ELSE -1 END), greatest(local_month, utc_month) AS month
FROM (SELECT user_id, track_id, ms_played, date_trunc('month', played_at AT TIME ZONE timezone)::date AS local_month,
             date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS utc_month
      FROM listening_events
      JOIN user_settings USING (user_id)
      WHERE timezone <> 'UTC') AS plays
WHERE local_month <> utc_month
GROUP BY user_id, month, track_id
ORDER BY user_id, month, track_id;

-- Plays around New Year that are in the archive come back once, for the sums of their years. Those at the edges of other
-- months go on counting for the UTC month until somebody has work with them.
INSERT INTO stale_slices (user_id, month, stage)
SELECT DISTINCT user_id, date_trunc('year', month + interval '1 month')::date, 'STATS'::slice_stage
FROM archived_slices
JOIN user_settings USING (user_id)
WHERE date_part('month', month) IN (12, 1) AND timezone <> 'UTC'
ON CONFLICT DO NOTHING;

INSERT INTO user_year_top_tracks (user_id, track_id, total_ms, play_count, year)
SELECT user_id, track_id, total_ms, play_count, year
FROM (SELECT DISTINCT user_id, date_part('year', bucket_date)::integer AS year
      FROM user_time_bucket_stats
      WHERE bucket_type = 'MONTH') AS listened
CROSS JOIN LATERAL (
    SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms
    FROM (SELECT track_id, play_count, total_ms
          FROM user_track_months AS m
          WHERE m.user_id = listened.user_id AND month >= make_date(year, 1, 1) AND month <= make_date(year, 12, 1)
          UNION ALL
          SELECT track_id, play_count, total_ms
          FROM user_month_edges AS begins
          WHERE begins.user_id = listened.user_id AND month = make_date(year, 1, 1)
          UNION ALL
          SELECT track_id, -play_count, -total_ms
          FROM user_month_edges AS ends
          WHERE ends.user_id = listened.user_id AND month = make_date(year + 1, 1, 1)) AS counted
    GROUP BY track_id
    HAVING sum(play_count) > 0
    ORDER BY play_count DESC, total_ms DESC, track_id
    LIMIT 50
) AS top
ORDER BY user_id, year, track_id;
