-- One row per imported play that is restored. If the play landed again meanwhile, the context of the archived row
-- counts: that row landed first. Older archives hold stopped_at of every play, also where it equals played_at.
INSERT INTO imported_plays AS known (user_id, played_at, stopped_at, export_track_id, ms_played, context_id)
SELECT user_id, played_at, nullif(stopped_at, played_at), export_track_id, ms_played, context_id
FROM returning_imported_plays
ORDER BY played_at
ON CONFLICT (user_id, played_at, export_track_id, ms_played, stopped_at)
DO UPDATE SET context_id = excluded.context_id WHERE known.context_id IS DISTINCT FROM excluded.context_id
