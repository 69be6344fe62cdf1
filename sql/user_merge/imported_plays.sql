-- One row per imported play of the month that moves: all but those that exports of the user who stays tell, too.
UPDATE imported_plays AS play
SET user_id = %(kept)s
WHERE play.user_id = %(gone)s AND play.played_at >= %(starts_at)s AND play.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM imported_plays AS known
                  WHERE known.user_id = %(kept)s
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
                    AND known.played_at = play.played_at AND known.export_track_id = play.export_track_id
                    AND known.ms_played = play.ms_played AND known.stopped_at IS NOT DISTINCT FROM play.stopped_at)
