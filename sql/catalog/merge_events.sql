-- One row per event that is the kept track's now, with its id. The slices of all events of merged tracks are marked.
WITH events AS (
    SELECT e.user_id, e.id, e.played_at, m.into_id,
           row_number() OVER (PARTITION BY e.user_id, m.into_id, e.played_at ORDER BY e.created_at, e.id) AS position
    FROM merged_tracks AS m
    JOIN listening_events AS e USING (track_id)
), marked AS (
    INSERT INTO invalidated_user_months (user_id, month, stage)
    SELECT DISTINCT e.user_id, date_trunc('month', e.played_at + direction.step)::date, stage
    FROM events AS e
    CROSS JOIN (VALUES (-%(match_window)s::interval), (interval '0'), (%(match_window)s)) AS direction (step)
    CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
    WHERE direction.step = interval '0'
       OR (stage = 'EVENTS' AND has_matchable_plays(e.user_id, date_trunc('month', e.played_at + direction.step)::date))
    ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = now()
)
UPDATE listening_events AS event
SET track_id = e.into_id
FROM events AS e
WHERE event.id = e.id AND event.played_at = e.played_at AND e.position = 1
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = e.user_id AND known.track_id = e.into_id AND known.played_at = e.played_at)
