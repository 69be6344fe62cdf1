-- One row per imported play that is restored. If the play landed again meanwhile, the row that tells more of how it was
-- heard counts, and the import of the archived row, which landed first.
{archive/returning_without_equal_times};

INSERT INTO imported_plays
    (user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id)
SELECT user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id
FROM returning_imported_plays
ORDER BY played_at
ON CONFLICT (user_id, played_at, export_track_id, ms_played, stopped_at) DO UPDATE SET job_id = excluded.job_id;

UPDATE imported_plays AS known
SET context_id = a.context_id, elapsed_s = a.elapsed_s
FROM returning_imported_plays AS a
WHERE known.user_id = a.user_id AND known.played_at = a.played_at AND known.export_track_id = a.export_track_id
  AND known.ms_played IS NOT DISTINCT FROM a.ms_played AND known.stopped_at IS NOT DISTINCT FROM a.stopped_at
  AND (known.elapsed_s, known.context_id) IS DISTINCT FROM (a.elapsed_s, a.context_id)
  AND ({landing/is_richer});
