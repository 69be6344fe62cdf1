-- One row per play within 20 minutes of one of some plays, which lie in one UTC month. OFFSET 0: each is looked up by
-- the index, also where the planner does not know yet how many plays there are.
SELECT near.track_id
FROM unnest({played_at}::timestamptz[]) AS own (played_at)
CROSS JOIN LATERAL (SELECT track_id
                    FROM listening_events
                    WHERE user_id = %(user_id)s
                      AND played_at > own.played_at - interval '20 minutes'
                      AND played_at < own.played_at + interval '20 minutes'
                      AND played_at >= {played_from} AND played_at < {played_to}
                    ORDER BY played_at
                    OFFSET 0) AS near
