-- One row per user-month with plays of a track that a correction hides now and did not before, or the other way round:
-- its credits, its album or its ids have changed.
WITH hidden_now AS MATERIALIZED (
    SELECT DISTINCT user_id, track_id FROM hidden_tracks
), changed AS MATERIALIZED (
    (SELECT user_id, track_id FROM hidden_before EXCEPT SELECT user_id, track_id FROM hidden_now)
    UNION
    (SELECT user_id, track_id FROM hidden_now EXCEPT SELECT user_id, track_id FROM hidden_before)
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT user_id, month, 'EVENTS'
FROM (SELECT counted.user_id, counted.month FROM user_track_months AS counted JOIN changed USING (user_id, track_id)
      UNION
      SELECT hidden.user_id, hidden.month FROM hidden_track_months AS hidden JOIN changed USING (user_id, track_id)
      UNION
      SELECT s.user_id, s.month -- its statistics do not say yet which tracks it has
      FROM invalidated_user_months AS s
      WHERE s.stage = 'STATS' AND s.user_id IN (SELECT user_id FROM changed)) AS reached
ORDER BY user_id, month
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
