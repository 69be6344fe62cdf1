-- One row per row of the extended history that counts, of some users from before a month until its end, with the track.
-- A play that one row tells by its upload and another with its start counts by the latter. OFFSET 0: else the planner
-- adds the cost of looking for these to that of each link, and reads the links of all users instead of some.
SELECT p.user_id, p.track_id, p.played_at, p.ms_played, coalesce(p.stopped_at, p.played_at) AS stopped_at,
       p.elapsed_s, p.context_id
FROM (SELECT p.user_id, own.track_id, p.played_at, p.ms_played, p.stopped_at, p.elapsed_s, p.context_id
      FROM imported_plays AS p
      JOIN export_track_links AS own USING (export_track_id)
      WHERE p.user_id = ANY (%(user_ids)s) AND p.context_id IS NOT NULL
        AND p.played_at >= %(near_start)s AND p.played_at < %(ends_at)s
        AND p.ms_played >= %(min_play_ms)s
      OFFSET 0) AS p -- noqa: AM09
CROSS JOIN LATERAL (SELECT p.track_id) AS link
WHERE CASE WHEN p.elapsed_s = -1 THEN NOT EXISTS ({events/dated_twin}) ELSE true END
