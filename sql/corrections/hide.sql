-- hidden_events: one row per event that the user-month would have if the user's corrections did not hide it. It is no
-- longer desired.
WITH hidden AS (
    DELETE FROM desired_events AS desired
    USING ({corrections/hidden_events}) AS hidden
    WHERE desired.track_id = hidden.track_id AND desired.played_at = hidden.played_at
    RETURNING desired.track_id, desired.played_at, desired.ms_played
)
INSERT INTO hidden_events (track_id, played_at, ms_played)
SELECT track_id, played_at, ms_played FROM hidden
