-- One row per slice whose events change: those that gained plays and, near a month's end, the neighbours. There a play
-- may now be matched otherwise, but only plays that were polled or told by the minute (account data) can notice. A mark
-- that is there already is renewed (its xmin is another), so that whoever took it for done sees that it is not.
-- An offline play stopped 30 days after it was played at most, so that no play reaches further than two months.
WITH near AS (
    SELECT DISTINCT (month + around)::date AS month
    FROM unnest(%(months)s::date[]) AS month
    CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month'), (interval '2 months')) AS step (around)
), matchable AS MATERIALIZED (
    SELECT month
    FROM near
    WHERE has_matchable_plays(%(user_id)s, month)
), reached AS MATERIALIZED (
    SELECT DISTINCT date_trunc('month', told.instant + direction.step)::date AS month
    FROM arriving_plays AS a
    CROSS JOIN LATERAL (VALUES (a.played_at), (a.stopped_at)) AS told (instant)
    CROSS JOIN (VALUES (-%(match_window)s::interval), (interval '0'), (%(match_window)s)) AS direction (step)
    WHERE EXISTS (SELECT FROM matchable) AND a.month = ANY (%(months)s)
      AND (a.stopped_at IS NOT NULL
           OR a.played_at < a.month::timestamptz + %(match_window)s
           OR a.played_at >= (a.month + interval '1 month')::timestamptz - %(match_window)s)
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT %(user_id)s, month, 'EVENTS'
FROM (SELECT unnest(%(months)s::date[]) AS month
      UNION
      SELECT month FROM reached JOIN matchable USING (month)) AS slices
ORDER BY month
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
