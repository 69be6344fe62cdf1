-- One row per row of the extended history that counts, of some users from before a month until its end, with the track.
-- A play that one row tells by its upload and another with its start counts by the latter.
SELECT p.user_id, link.track_id, p.played_at, p.ms_played, coalesce(p.stopped_at, p.played_at) AS stopped_at,
       p.elapsed_s, p.context_id
FROM imported_plays AS p
JOIN export_track_links AS link USING (export_track_id)
WHERE p.user_id = ANY (%(user_ids)s) AND p.context_id IS NOT NULL
  AND p.played_at >= %(near_start)s AND p.played_at < %(ends_at)s
  AND p.ms_played >= %(min_play_ms)s
  AND CASE WHEN p.elapsed_s = -1 THEN NOT EXISTS ({events/dated_twin}) ELSE true END
