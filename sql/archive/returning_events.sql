-- One row per event of returning_listening_events as it is restored: if its track was merged meanwhile, the event is
-- the kept track's.
SELECT DISTINCT ON (e.user_id, coalesce(t.merged_into, t.id), e.played_at)
       e.id, e.user_id, coalesce(t.merged_into, t.id) AS track_id, e.played_at, e.created_at, e.ms_played, e.source,
       e.is_estimated, e.is_skip, e.context_id
FROM returning_listening_events AS e
JOIN tracks AS t ON t.id = e.track_id
ORDER BY e.user_id, coalesce(t.merged_into, t.id), e.played_at, t.merged_into IS NOT NULL, e.created_at, e.id
