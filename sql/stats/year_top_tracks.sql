-- One row per user, local year and track that enters the most played tracks of the year, changes among them or leaves
-- them. Kept are the most played tracks, and all tracks of the most played songs. Year by year, so that each sum stays
-- small.
WITH asked AS (
    SELECT user_id, year FROM unnest(%(year_users)s::bigint[], %(years)s::integer[]) AS asked (user_id, year)
), of_joined_songs AS MATERIALIZED ( -- tracks of songs of which a user plays several: of most songs it is one
    SELECT t.id AS track_id
    FROM user_song_sums AS summed
    JOIN tracks AS t USING (song_id)
    WHERE summed.user_id = ANY (%(year_users)s)
), kept AS MATERIALIZED (
    SELECT asked.user_id, asked.year, top.track_id, top.play_count, top.total_ms
    FROM asked
    CROSS JOIN LATERAL (
        WITH counted AS MATERIALIZED (
            SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms,
                   track_id NOT IN (SELECT track_id FROM of_joined_songs) AS is_alone
            FROM (SELECT track_id, play_count, total_ms
                  FROM user_track_months
                  WHERE user_id = asked.user_id
                    AND month >= make_date(asked.year, 1, 1) AND month <= make_date(asked.year, 12, 1)
                    AND month >= %(first)s AND month < %(end)s
                    AND (%(among)s::bigint[] IS NULL OR track_id = ANY (%(among)s::bigint[]))
                  UNION ALL
                  SELECT track_id, play_count, total_ms
                  FROM user_month_edges
                  WHERE user_id = asked.user_id AND month = make_date(asked.year, 1, 1)
                    AND (%(among)s::bigint[] IS NULL OR track_id = ANY (%(among)s::bigint[]))
                  UNION ALL
                  SELECT track_id, -play_count, -total_ms
                  FROM user_month_edges
                  WHERE user_id = asked.user_id AND month = make_date(asked.year + 1, 1, 1)
                    AND (%(among)s::bigint[] IS NULL OR track_id = ANY (%(among)s::bigint[]))) AS plays
            GROUP BY track_id
            HAVING sum(play_count) > 0
        ), songs AS (
            SELECT track_ids
            FROM ((SELECT ARRAY[track_id] AS track_ids, play_count, total_ms, track_id AS least_track_id
                   FROM counted
                   WHERE is_alone
                   ORDER BY play_count DESC, total_ms DESC, track_id
                   LIMIT %(each)s)
                  UNION ALL
                  SELECT array_agg(counted.track_id), sum(counted.play_count), sum(counted.total_ms)::bigint,
                         min(counted.track_id)
                  FROM counted
                  JOIN tracks AS t ON t.id = counted.track_id
                  WHERE NOT counted.is_alone
                  GROUP BY t.song_id) AS played
            ORDER BY play_count DESC, total_ms DESC, least_track_id
            LIMIT %(each)s
        )
        (SELECT track_id, play_count, total_ms
         FROM counted
         ORDER BY play_count DESC, total_ms DESC, track_id
         LIMIT %(each)s)
        UNION
        SELECT track_id, play_count, total_ms
        FROM counted
        WHERE track_id IN (SELECT unnest(track_ids) FROM songs)
    ) AS top
), removed AS (
    DELETE FROM user_year_top_tracks AS old
    USING asked
    WHERE old.user_id = asked.user_id AND old.year = asked.year
      AND (old.user_id, old.year, old.track_id) NOT IN (SELECT user_id, year, track_id FROM kept)
    RETURNING old.user_id, old.year, old.track_id
), written AS (
    INSERT INTO user_year_top_tracks (user_id, year, track_id, play_count, total_ms)
    SELECT k.user_id, k.year, k.track_id, k.play_count, k.total_ms
    FROM kept AS k
    LEFT JOIN user_year_top_tracks AS old
           ON old.user_id = k.user_id AND old.year = k.year AND old.track_id = k.track_id
    WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (k.play_count, k.total_ms)
    ORDER BY k.user_id, k.year, k.track_id
    ON CONFLICT (user_id, year, track_id) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
    RETURNING user_id, year, track_id
)
SELECT user_id, year, track_id FROM removed
UNION ALL
SELECT user_id, year, track_id FROM written
