-- One row per event that is restored, with its id. If its track was merged meanwhile, the event is the kept track's.
INSERT INTO listening_events
    (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id
FROM (SELECT DISTINCT ON (e.user_id, coalesce(t.merged_into, t.id), e.played_at)
             e.id, e.user_id, coalesce(t.merged_into, t.id) AS track_id, e.played_at, e.created_at, e.ms_played,
             e.source, e.is_estimated, e.is_skip, e.context_id
      FROM returning_listening_events AS e
      JOIN tracks AS t ON t.id = e.track_id
      ORDER BY e.user_id, coalesce(t.merged_into, t.id), e.played_at, t.merged_into IS NOT NULL, e.created_at, e.id
     ) AS kept
ORDER BY user_id, played_at, id
