-- One row per user-month with plays of private sessions, shown or hidden. Of archived months only what counts, or is
-- hidden, is known; of what is not music, only that something may be hidden.
WITH incognito AS MATERIALIZED (
    SELECT id FROM play_contexts WHERE incognito
)
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT %(user_id)s, month, 'EVENTS'
FROM (SELECT date_trunc('month', played_at)::date AS month
      FROM imported_plays
      WHERE user_id = %(user_id)s AND context_id IN (SELECT id FROM incognito)
      UNION
      SELECT archived.month
      FROM archived_user_months AS archived
      WHERE archived.user_id = %(user_id)s AND archived.imported_plays > 0
        AND (EXISTS (SELECT FROM user_month_contexts AS heard
                     WHERE heard.user_id = archived.user_id AND heard.month = archived.month
                       AND heard.context_ids && ARRAY(SELECT id FROM incognito))
             OR EXISTS (SELECT FROM hidden_track_months AS hidden
                        WHERE hidden.user_id = archived.user_id AND hidden.month = archived.month)
             OR EXISTS (SELECT FROM export_tracks WHERE kind <> 'TRACK'))) AS reached
ORDER BY month
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
