-- One row per archived slice with events of merged tracks, and per neighbour in which a play may be matched otherwise.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT a.user_id, (a.month + direction.step)::date, stage
FROM merged_tracks AS m
JOIN user_track_stats AS s USING (track_id)
JOIN archived_user_months AS a ON a.user_id = s.user_id
JOIN user_track_months AS c ON c.user_id = a.user_id AND c.month = a.month AND c.track_id = s.track_id
CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS direction (step)
CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
WHERE direction.step = interval '0'
   OR (stage = 'EVENTS' AND has_matchable_plays(a.user_id, (a.month + direction.step)::date))
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
