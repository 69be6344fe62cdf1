-- derived_user_months: one row per user with only extended rows in and around the month, all of tracks that the catalog
-- has, and none hidden.
INSERT INTO derived_user_months (user_id)
SELECT asked.user_id
FROM unnest(%(user_ids)s::bigint[]) AS asked (user_id)
WHERE NOT EXISTS (SELECT FROM imported_plays AS p
                  WHERE p.user_id = asked.user_id AND p.context_id IS NULL
                    AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s)
  AND NOT EXISTS (SELECT FROM polled_plays AS p
                  WHERE p.user_id = asked.user_id
                    AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s)
  AND NOT (EXISTS (SELECT FROM pending_export_tracks)
           AND EXISTS (SELECT FROM imported_plays AS p
                       JOIN export_tracks AS e ON e.id = p.export_track_id
                       WHERE p.user_id = asked.user_id AND e.kind = 'TRACK'
                         AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
                         AND NOT EXISTS (SELECT FROM export_track_links AS link
                                         WHERE link.export_track_id = p.export_track_id)))
  AND NOT has_hidden_plays(asked.user_id)
RETURNING user_id
