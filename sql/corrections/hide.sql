-- hidden_events: one row per event that the user-month would have if the user's corrections did not hide it. It is no
-- longer desired, nor is another event moved to its place.
WITH hidden AS MATERIALIZED (
    {corrections/hidden_events}
), left_out AS (
    DELETE FROM placed_events AS placed
    USING hidden
    WHERE placed.track_id = hidden.track_id AND placed.played_at = hidden.played_at
), undesired AS (
    DELETE FROM desired_events AS desired
    USING hidden
    WHERE desired.track_id = hidden.track_id AND desired.played_at = hidden.played_at
    RETURNING desired.track_id, desired.ms_played
)
INSERT INTO hidden_events (track_id, ms_played)
SELECT track_id, ms_played FROM undesired
