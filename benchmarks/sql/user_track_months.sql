-- One row per user and track of a month.
INSERT INTO {partition} (user_id, month, track_id, play_count, total_ms, first_played_at, last_played_at,
                         ms_played)
SELECT user_id, %(month)s::date, track_id, count(*), sum(ms_played), min(played_at), max(played_at),
       CASE WHEN count(*) > 1 OR bool_or(is_estimated)
            THEN coalesce(array_agg(ms_played ORDER BY ms_played) FILTER (WHERE NOT is_estimated),
                          ARRAY[]::integer[]) END
FROM listening_events
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
GROUP BY user_id, track_id
ORDER BY user_id, track_id
