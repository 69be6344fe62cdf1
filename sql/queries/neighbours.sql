-- One row per track that was played around the latest plays of some tracks, within 20 minutes: how often.
SELECT near.track_id, count(*) AS play_count
FROM unnest(%(played_at)s::timestamptz[]) AS own (played_at)
CROSS JOIN LATERAL (SELECT track_id
                    FROM listening_events
                    WHERE user_id = %(user_id)s
                      AND played_at > own.played_at - interval '20 minutes'
                      AND played_at < own.played_at + interval '20 minutes'
                      AND played_at >= %(played_from)s AND played_at < %(played_to)s) AS near
WHERE near.track_id <> ALL (%(tracks)s)
GROUP BY near.track_id
ORDER BY count(*) DESC, near.track_id
LIMIT %(each)s
