-- One row per slice that played a track which meets account data under other names now, where polled plays or account
-- data near it are archived, and per neighbour.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT c.user_id, (c.month + direction.step)::date, 'EVENTS'::derivation_stage
FROM renamed_tracks AS renamed
JOIN user_track_stats AS s USING (track_id)
CROSS JOIN LATERAL (
    SELECT DISTINCT (a.month + reach.step)::date AS month
    FROM archived_user_months AS a
    CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS reach (step)
    WHERE a.user_id = s.user_id
      AND (a.has_account_data
           OR (a.polled_plays > 0
               AND (EXISTS (SELECT FROM archived_user_months AS told
                            WHERE told.user_id = a.user_id AND told.has_account_data
                              AND told.month BETWEEN a.month - interval '1 month' AND a.month + interval '1 month')
                    OR EXISTS (SELECT FROM imported_plays AS told
                               WHERE told.user_id = a.user_id AND told.context_id IS NULL
                                 AND told.played_at >= (a.month - interval '1 month') AT TIME ZONE 'UTC'
                                 AND told.played_at < (a.month + interval '2 months') AT TIME ZONE 'UTC'))))
) AS near
JOIN user_track_months AS c ON c.user_id = s.user_id AND c.month = near.month AND c.track_id = s.track_id
CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS direction (step)
WHERE direction.step = interval '0' OR has_matchable_plays(c.user_id, (c.month + direction.step)::date)
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
