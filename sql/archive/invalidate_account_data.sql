-- One row per archived slice with account data of tracks that become one, and per neighbour.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT a.user_id, (a.month + direction.step)::date, 'EVENTS'::derivation_stage
FROM merged_tracks AS m
JOIN export_track_links AS link ON link.track_id IN (m.track_id, m.into_id)
JOIN archived_names AS a USING (export_track_id)
CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS direction (step)
WHERE direction.step = interval '0' OR has_matchable_plays(a.user_id, (a.month + direction.step)::date)
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
