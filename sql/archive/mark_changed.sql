-- One row per slice and stage of which the catalog changed a track while it was archived.
INSERT INTO stale_slices (user_id, month, stage)
SELECT DISTINCT e.user_id, %(month)s::date, stage
FROM returning_listening_events AS e
LEFT JOIN tracks AS t ON t.id = e.track_id
CROSS JOIN unnest(enum_range(NULL::slice_stage)) AS stage
WHERE t.id IS NULL OR t.merged_into IS NOT NULL
ON CONFLICT DO NOTHING
