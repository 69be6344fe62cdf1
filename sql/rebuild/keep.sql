-- One row per event that stays as it is, for the shadow partition: of user-months that do not change or are not derived
-- here.
INSERT INTO {shadow} (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip,
                      context_id)
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id
FROM listening_events
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
  AND user_id <> ALL (%(user_ids)s)
ORDER BY user_id, played_at, track_id
