-- Whether another row of the extended history, from another download, tells what a row t was that does not say it: one
-- of the same instant and exactly the same length.
SELECT t.kind IN ('VIDEO', 'UNIDENTIFIED')
   AND EXISTS (SELECT FROM imported_plays AS p
               JOIN export_tracks AS e ON e.id = p.export_track_id
               WHERE p.user_id = t.user_id AND p.played_at = t.played_at AND p.ms_played = t.ms_played
                 AND p.context_id IS NOT NULL AND e.kind IN ('TRACK', 'EPISODE', 'CHAPTER')
                 AND p.played_at >= %(rows_from)s AND p.played_at < %(near_end)s)
