-- One row per row of undone imports that moves: all but those that undone imports of the user who stays tell, too.
UPDATE undone_plays AS play
SET user_id = %(kept)s,
    job_id = coalesce((SELECT twin.kept_id
                       FROM unnest(%(gone_jobs)s::integer[], %(kept_jobs)s::integer[]) AS twin (gone_id, kept_id)
                       WHERE twin.gone_id = play.job_id),
                      play.job_id)
WHERE play.user_id = %(gone)s
  AND NOT EXISTS (SELECT FROM undone_plays AS known
                  WHERE known.user_id = %(kept)s AND known.played_at = play.played_at
                    AND known.export_track_id = play.export_track_id
                    AND known.ms_played IS NOT DISTINCT FROM play.ms_played
                    AND known.stopped_at IS NOT DISTINCT FROM play.stopped_at)
