-- One row per month in which the user has events that statistics count. Invalidated months stay as they are.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
WHERE user_id = %s
ON CONFLICT DO NOTHING
