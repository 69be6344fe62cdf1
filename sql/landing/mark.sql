-- One row per slice whose events change: those that gained plays, and neighbours across a month's end where a polled
-- play or an account-data play may now meet an export row (see the rules of identity in docs/data_flow.md).
WITH near_an_end AS (
    SELECT DISTINCT date_trunc('month', reached.instant)::date AS month
    FROM arriving_plays AS a
    CROSS JOIN LATERAL (VALUES
        (a.stopped_at),
        (a.played_at - interval '3 seconds'),
        (a.played_at + interval '63 seconds'),
        (a.played_at - a.ms_played * interval '1 millisecond' - interval '3 seconds'),
        (a.played_at - a.ms_played * interval '1 millisecond' + interval '3 seconds')
    ) AS reached (instant)
    WHERE a.month = ANY (%(months)s)
      AND (a.stopped_at <> a.played_at
           OR a.played_at < a.month::timestamptz + interval '25 hours'
           OR a.played_at >= (a.month + interval '1 month')::timestamptz - interval '64 seconds')
), neighbours AS (
    SELECT month
    FROM near_an_end AS n
    WHERE EXISTS (SELECT FROM polled_plays AS p
                  WHERE p.user_id = %(user_id)s
                    AND p.played_at >= n.month::timestamptz AND p.played_at < (n.month + interval '1 month')::timestamptz)
       OR EXISTS (SELECT FROM imported_plays AS p
                  WHERE p.user_id = %(user_id)s AND p.context_id IS NULL
                    AND p.played_at >= n.month::timestamptz AND p.played_at < (n.month + interval '1 month')::timestamptz)
)
INSERT INTO stale_slices (user_id, month, stage)
SELECT %(user_id)s, month, 'EVENTS'
FROM (SELECT unnest(%(months)s::date[]) AS month UNION SELECT month FROM neighbours) AS slices
ON CONFLICT DO NOTHING
