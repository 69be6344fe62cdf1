-- One row per user-month whose events may change: the months that gained plays and, near the end of one, the
-- neighbours. There, polled plays and account data may now match differently; in the month that follows, and in that of
-- an upload, a play may be the same stream; and a play that is known by its start may have ended in a month that has
-- none. An invalidation that exists is written again, so that its xmin changes: a
-- session that is deriving the user-month sees that it must be derived once more. An offline play stopped at most 30
-- days after it was played, so no play reaches further than two months.
WITH near AS (
    SELECT DISTINCT near_month::date AS month
    FROM unnest(%(months)s::date[]) AS gained (month)
    CROSS JOIN LATERAL generate_series(gained.month - interval '1 month', gained.month + interval '2 months',
                                       interval '1 month') AS near_month
), others AS MATERIALIZED (
    SELECT month, has_matchable_plays(%(user_id)s, month) AS is_matchable
    FROM near
    WHERE month <> ALL (%(months)s::date[]) AND has_imported_plays(%(user_id)s, month)
    UNION ALL
    SELECT month, true
    FROM near
    WHERE month <> ALL (%(months)s::date[])
      AND NOT has_imported_plays(%(user_id)s, month)
      AND (has_matchable_plays(%(user_id)s, month)
           OR has_matchable_plays(%(user_id)s, (month - interval '1 month')::date)
           OR has_matchable_plays(%(user_id)s, (month + interval '1 month')::date))
), reached AS MATERIALIZED (
    SELECT DISTINCT reached.month, reached.is_own OR reached.is_after AS may_repeat
    FROM arriving_plays AS a
    CROSS JOIN LATERAL (VALUES (a.played_at, a.played_at), (a.stopped_at, a.stopped_at)) AS change (starts_at, ends_at)
    CROSS JOIN LATERAL ({user_months/reached}) AS reached
    WHERE EXISTS (SELECT FROM others) AND a.month = ANY (%(months)s)
      AND (a.stopped_at IS NOT NULL
           OR a.played_at < a.month::timestamptz + %(match_window)s
           OR a.played_at >= (a.month + interval '1 month')::timestamptz - %(match_window)s)
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT %(user_id)s, month, 'EVENTS'
FROM (SELECT unnest(%(months)s::date[]) AS month
      UNION
      SELECT month FROM reached JOIN others USING (month) WHERE may_repeat OR is_matchable) AS changed
ORDER BY month
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
