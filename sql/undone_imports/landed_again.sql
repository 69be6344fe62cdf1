-- One row per job and month: rows of undone imports that another import has landed since are of that one now. That
-- the undone import holds them too is kept as a duplicate, and so is what it says more of how they were heard.
WITH landed AS (
    DELETE FROM undone_plays AS undone
    USING imported_plays AS known
    WHERE undone.user_id = %(user_id)s AND undone.played_at >= %(starts_at)s AND undone.played_at < %(ends_at)s
      AND known.user_id = %(user_id)s AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
      AND known.played_at = undone.played_at AND known.export_track_id = undone.export_track_id
      AND known.ms_played IS NOT DISTINCT FROM undone.ms_played
      AND known.stopped_at IS NOT DISTINCT FROM undone.stopped_at
    RETURNING undone.job_id, undone.played_at, undone.export_track_id, undone.ms_played, undone.stopped_at,
              undone.context_id, undone.elapsed_s
), completed AS (
    UPDATE imported_plays AS known
    SET context_id = a.context_id, elapsed_s = a.elapsed_s
    FROM landed AS a
    WHERE known.user_id = %(user_id)s AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
      AND known.played_at = a.played_at AND known.export_track_id = a.export_track_id
      AND known.ms_played IS NOT DISTINCT FROM a.ms_played AND known.stopped_at IS NOT DISTINCT FROM a.stopped_at
      AND ({landing/is_richer})
)
INSERT INTO import_job_duplicates AS known (user_id, job_id, month, play_hashes)
SELECT %(user_id)s, job_id, date_trunc('month', played_at)::date AS month,
       array_agg(imported_play_hash(played_at, export_track_id, ms_played, stopped_at))
FROM landed
GROUP BY job_id, month
ON CONFLICT (user_id, job_id, month) DO UPDATE SET play_hashes = known.play_hashes || excluded.play_hashes
