-- The month aside: one row per event of the slices that do not change, or are not derived here, as it is.
INSERT INTO {shadow} (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip)
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip
FROM listening_events
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
  AND user_id <> ALL (%(user_ids)s)
ORDER BY user_id, played_at, track_id
