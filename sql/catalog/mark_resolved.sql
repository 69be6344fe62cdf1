-- One row per slice with account data under names that a search told the track of: they may be plays that others tell of.
INSERT INTO stale_slices (user_id, month, stage)
SELECT DISTINCT p.user_id, date_trunc('month', p.played_at + direction.step)::date, 'EVENTS'::slice_stage
FROM merged_tracks AS m
JOIN export_track_links AS link USING (track_id)
JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
CROSS JOIN (VALUES (-%(surroundings)s::interval), (interval '0'), (%(surroundings)s)) AS direction (step)
WHERE direction.step = interval '0' OR has_matchable_plays(p.user_id, date_trunc('month', p.played_at + direction.step)::date)
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
