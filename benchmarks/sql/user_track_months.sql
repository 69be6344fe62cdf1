-- One row per user, UTC month and track, of some users.
INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, first_played_at, last_played_at,
                               ms_played)
SELECT user_id, date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month, track_id, count(*), sum(ms_played),
       min(played_at), max(played_at),
       CASE WHEN count(*) > 1 OR bool_or(is_estimated)
            THEN coalesce(array_agg(ms_played ORDER BY ms_played) FILTER (WHERE NOT is_estimated),
                          ARRAY[]::integer[]) END
FROM listening_events
WHERE user_id BETWEEN %(first)s AND %(last)s
GROUP BY user_id, month, track_id
ORDER BY user_id, month, track_id
