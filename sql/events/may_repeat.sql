-- One row per row of the extended history, in or shortly before the user-month, that begins before the same track was
-- played last, or ended less than half its length after: the two may be one play.
SELECT FROM (SELECT p.played_at, p.ms_played, p.elapsed_s,
                    lag(p.played_at) OVER (PARTITION BY link.track_id ORDER BY p.played_at) AS before_at
             FROM imported_plays AS p
             JOIN export_track_links AS link USING (export_track_id)
             WHERE p.user_id = %(user_id)s AND p.context_id IS NOT NULL
               AND p.played_at >= %(near_start)s AND p.played_at < %(ends_at)s
               AND p.ms_played >= %(min_play_ms)s) AS followed
WHERE played_at - before_at < ms_played * interval '0.5 milliseconds'
   OR played_at - elapsed_s * interval '1 second' < before_at
