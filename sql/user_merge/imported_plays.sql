-- One row per imported play of the month that moves: all but those that exports of the user who stays tell, too. Of
-- these, the row that tells more of how it was heard counts. Jobs that landed the same file become one.
WITH completed AS (
    UPDATE imported_plays AS known
    SET context_id = a.context_id, elapsed_s = a.elapsed_s
    FROM imported_plays AS a
    WHERE a.user_id = %(gone)s AND a.played_at >= %(starts_at)s AND a.played_at < %(ends_at)s
      AND known.user_id = %(kept)s AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
      AND known.played_at = a.played_at AND known.export_track_id = a.export_track_id
      AND known.ms_played IS NOT DISTINCT FROM a.ms_played
      AND known.stopped_at IS NOT DISTINCT FROM a.stopped_at
      AND ({landing/is_richer})
)
UPDATE imported_plays AS play
SET user_id = %(kept)s,
    job_id = coalesce((SELECT twin.kept_id
                       FROM unnest(%(gone_jobs)s::integer[], %(kept_jobs)s::integer[]) AS twin (gone_id, kept_id)
                       WHERE twin.gone_id = play.job_id),
                      play.job_id)
WHERE play.user_id = %(gone)s AND play.played_at >= %(starts_at)s AND play.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM imported_plays AS known
                  WHERE known.user_id = %(kept)s
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
                    AND known.played_at = play.played_at AND known.export_track_id = play.export_track_id
                    AND known.ms_played IS NOT DISTINCT FROM play.ms_played
                    AND known.stopped_at IS NOT DISTINCT FROM play.stopped_at)
