-- One row per slice and stage of which the catalog changed a track while it was archived, and per neighbour in which a
-- play may be matched otherwise.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT e.user_id, (%(month)s::date + direction.step)::date, stage
FROM returning_listening_events AS e
LEFT JOIN tracks AS t ON t.id = e.track_id
CROSS JOIN (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS direction (step)
CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
WHERE (t.id IS NULL OR t.merged_into IS NOT NULL)
  AND (direction.step = interval '0'
       OR (stage = 'EVENTS' AND has_matchable_plays(e.user_id, (%(month)s::date + direction.step)::date)))
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
