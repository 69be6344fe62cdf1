-- One row per row that tells the start of a play that is not music and of which a row p tells the upload only: as
-- events/dated_twin, of the same content (content).
SELECT 1
FROM imported_plays AS dated
JOIN export_tracks AS e ON e.id = dated.export_track_id
CROSS JOIN LATERAL ({episode_events/content}) AS dated_content
WHERE dated.user_id = p.user_id AND dated.context_id IS NOT NULL
  AND dated.played_at >= %(uploaded_from)s AND dated.played_at < %(near_end)s
  AND dated.played_at >= p.played_at - interval '30 days' AND dated.played_at < p.played_at
  AND dated.stopped_at = p.played_at AND dated.ms_played = p.ms_played
  AND dated_content.id = content.id
