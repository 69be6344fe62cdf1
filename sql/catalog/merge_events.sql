-- One row per event of a merged track that becomes the kept track's and keeps its id. Invalidates the user-months that
-- the events reach: two plays of different tracks may be one play now.
WITH events AS (
    SELECT e.user_id, e.id, e.played_at, m.into_id,
           row_number() OVER (PARTITION BY e.user_id, m.into_id, e.played_at ORDER BY e.created_at, e.id) AS position
    FROM merged_tracks AS m
    JOIN listening_events AS e USING (track_id)
), changes AS (
    SELECT e.user_id, e.played_at AS starts_at, e.played_at AS ends_at, stage
    FROM events AS e
    CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
), invalidated AS (
    {user_months/invalidate_reached}
)
UPDATE listening_events AS event
SET track_id = e.into_id
FROM events AS e
WHERE event.id = e.id AND event.played_at = e.played_at AND e.position = 1
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = e.user_id AND known.track_id = e.into_id AND known.played_at = e.played_at)
