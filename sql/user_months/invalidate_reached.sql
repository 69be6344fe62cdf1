-- One row per user-month and stage that changes reach: their own months at the stage that they name and, for EVENTS,
-- the neighbouring months with polled plays or account data, as those can match differently, the months that follow, as
-- a play there may be the same stream, and those without plays beside one with plays of imports, as one of these that
-- is known by its start may end there. The statement around this one has the changes: a CTE with user_id, starts_at,
-- ends_at and stage. An invalidation that exists is written again, so that its xmin changes: a session that is deriving
-- the user-month sees that it must be derived once more.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT user_id, month, stage
FROM (SELECT change.user_id, reached.month, change.stage, bool_or(reached.is_own) AS is_own,
             bool_or(reached.is_after) AS is_after
      FROM changes AS change
      CROSS JOIN LATERAL ({user_months/reached}) AS reached
      GROUP BY change.user_id, reached.month, change.stage) AS reached
WHERE is_own
   OR (stage = 'EVENTS'
       AND (has_matchable_plays(user_id, month)
            OR CASE WHEN has_imported_plays(user_id, month) THEN is_after
                    ELSE has_imported_plays(user_id, (month - interval '1 month')::date)
                         OR has_imported_plays(user_id, (month + interval '1 month')::date) END))
ORDER BY user_id, month, stage
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
