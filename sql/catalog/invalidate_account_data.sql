-- One row per slice with account data of tracks that become one: they may be plays that others tell of.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT p.user_id, date_trunc('month', p.played_at + direction.step)::date, 'EVENTS'::derivation_stage
FROM merged_tracks AS m
JOIN export_track_links AS link ON link.track_id IN (m.track_id, m.into_id)
JOIN export_tracks AS names ON names.id = link.export_track_id AND names.spotify_id IS NULL
JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
CROSS JOIN (VALUES (-%(match_window)s::interval), (interval '0'), (%(match_window)s)) AS direction (step)
WHERE direction.step = interval '0' OR has_matchable_plays(p.user_id, date_trunc('month', p.played_at + direction.step)::date)
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
