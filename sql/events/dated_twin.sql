-- One row per row of the extended history that tells the start of a play of which a row p tells the upload only: of the
-- same track (link), with the same length and upload. Downloads of different years tell a play in these two ways.
SELECT 1
FROM imported_plays AS dated
JOIN export_track_links AS dated_link ON dated_link.export_track_id = dated.export_track_id
WHERE dated.user_id = p.user_id AND dated.context_id IS NOT NULL
  AND dated.played_at >= %(uploaded_from)s AND dated.played_at < %(near_end)s
  AND dated.played_at >= p.played_at - interval '30 days' AND dated.played_at < p.played_at
  AND dated.stopped_at = p.played_at AND dated.ms_played = p.ms_played
  AND dated_link.track_id = link.track_id
