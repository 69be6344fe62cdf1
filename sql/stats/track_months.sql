-- One row: how many rows of user_track_months differed from the events; they are corrected. Adds to changed_tracks one
-- row per user and track whose counts, first or latest play change with them. Month by month, so that each comparison
-- stays small.
WITH changed AS MATERIALIZED (
    SELECT chosen.user_id, recomputed.month, differing.track_id, differing.old_play_count, differing.old_total_ms,
           differing.old_first_played_at, differing.old_last_played_at,
           differing.play_count, differing.total_ms, differing.first_played_at, differing.last_played_at,
           differing.ms_played
    FROM unnest(%(user_ids)s::bigint[]) AS chosen (user_id)
    CROSS JOIN unnest(%(months)s::date[]) AS recomputed (month)
    CROSS JOIN LATERAL (
        SELECT track_id, old.play_count AS old_play_count, old.total_ms AS old_total_ms,
               old.first_played_at AS old_first_played_at, old.last_played_at AS old_last_played_at,
               new.play_count, new.total_ms, new.first_played_at, new.last_played_at, new.ms_played
        FROM (SELECT track_id, play_count, total_ms, first_played_at, last_played_at, ms_played
              FROM user_track_months
              WHERE user_id = chosen.user_id AND month = recomputed.month) AS old
        FULL JOIN (SELECT track_id, count(*) AS play_count, sum(ms_played) AS total_ms,
                          min(played_at) AS first_played_at, max(played_at) AS last_played_at,
                          CASE WHEN count(*) > 1 OR bool_or(is_estimated)
                               THEN coalesce(array_agg(ms_played ORDER BY ms_played) FILTER (WHERE NOT is_estimated),
                                             '{}') END AS ms_played
                   FROM listening_events
                   WHERE user_id = chosen.user_id
                     AND played_at >= recomputed.month::timestamptz
                     AND played_at < (recomputed.month + interval '1 month')::timestamptz
                     AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
                   GROUP BY track_id) AS new USING (track_id)
        WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at, old.ms_played)
              IS DISTINCT FROM (new.play_count, new.total_ms, new.first_played_at, new.last_played_at, new.ms_played)
        ORDER BY track_id -- within a month, so that index pages are filled; sorting all months takes twice as long
    ) AS differing
), removed AS (
    DELETE FROM user_track_months AS old
    USING changed AS c
    WHERE old.user_id = c.user_id AND old.month = c.month AND old.track_id = c.track_id AND c.play_count IS NULL
), updated AS (
    UPDATE user_track_months AS old
    SET play_count = c.play_count, total_ms = c.total_ms,
        first_played_at = c.first_played_at, last_played_at = c.last_played_at, ms_played = c.ms_played
    FROM changed AS c
    WHERE old.user_id = c.user_id AND old.month = c.month AND old.track_id = c.track_id
      AND c.play_count IS NOT NULL AND c.old_play_count IS NOT NULL
), added AS (
    INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, first_played_at, last_played_at,
                                   ms_played)
    SELECT user_id, month, track_id, play_count, total_ms, first_played_at, last_played_at, ms_played
    FROM changed
    WHERE old_play_count IS NULL
), noted AS (
    INSERT INTO changed_tracks (user_id, track_id, play_count, total_ms, first_played_at, last_played_at,
                                has_lost_first_or_last)
    SELECT user_id, track_id,
           sum(coalesce(play_count, 0) - coalesce(old_play_count, 0)),
           sum(coalesce(total_ms, 0) - coalesce(old_total_ms, 0)),
           min(first_played_at),
           max(last_played_at),
           coalesce(bool_or(old_first_played_at < coalesce(first_played_at, 'infinity')
                            OR old_last_played_at > coalesce(last_played_at, '-infinity')), false)
    FROM changed
    GROUP BY user_id, track_id
)
SELECT count(*) FROM changed
