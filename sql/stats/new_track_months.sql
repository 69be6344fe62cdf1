-- One row, as of track_months, for months in which user_track_months has no rows of the users: there is less to plan
-- and nothing to compare.
WITH added AS (
    INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, first_played_at, last_played_at,
                                   ms_played)
    SELECT chosen.user_id, recomputed.month, counted.track_id, counted.play_count, counted.total_ms,
           counted.first_played_at, counted.last_played_at,
           CASE WHEN counted.play_count > 1 OR counted.has_estimated THEN coalesce(counted.ms_played, '{}') END
    FROM unnest(%(user_ids)s::bigint[]) AS chosen (user_id)
    CROSS JOIN unnest(%(months)s::date[]) AS recomputed (month)
    CROSS JOIN LATERAL (
        SELECT track_id, count(*) AS play_count, sum(ms_played) AS total_ms,
               min(played_at) AS first_played_at, max(played_at) AS last_played_at,
               bool_or(is_estimated) AS has_estimated,
               array_agg(ms_played ORDER BY ms_played) FILTER (WHERE NOT is_estimated) AS ms_played
        FROM listening_events
        WHERE user_id = chosen.user_id
          AND played_at >= recomputed.month::timestamptz
          AND played_at < (recomputed.month + interval '1 month')::timestamptz
          AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
        GROUP BY track_id
        ORDER BY track_id
    ) AS counted
    RETURNING user_id, track_id, play_count, total_ms, first_played_at, last_played_at
), noted AS (
    INSERT INTO changed_tracks (user_id, track_id, play_count, total_ms, first_played_at, last_played_at,
                                has_lost_first_or_last)
    SELECT user_id, track_id, sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at), false
    FROM added
    GROUP BY user_id, track_id
)
SELECT count(*) FROM added
