-- What track_months does, for months of which user_track_months has nothing of the listeners: there is less to plan and to compare.
WITH added AS (
    INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, last_played_at)
    SELECT listener.user_id, stale.month, counted.*
    FROM unnest(%(user_ids)s::bigint[]) AS listener (user_id)
    CROSS JOIN unnest(%(months)s::date[]) AS stale (month)
    CROSS JOIN LATERAL (
        SELECT track_id, count(*), sum(ms_played), max(played_at)
        FROM listening_events
        WHERE user_id = listener.user_id
          AND played_at >= stale.month::timestamptz AND played_at < (stale.month + interval '1 month')::timestamptz
          AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
        GROUP BY track_id
        ORDER BY track_id
    ) AS counted
    RETURNING user_id, track_id, play_count, total_ms, last_played_at
), told AS (
    INSERT INTO changed_tracks
    SELECT user_id, track_id, sum(play_count), sum(total_ms), max(last_played_at), false
    FROM added
    GROUP BY user_id, track_id
)
SELECT count(*) FROM added
