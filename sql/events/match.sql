-- One row per candidate pair that is decided: two plays that are each other's nearest become one play, and the other
-- pairs of either play go. Repeated until no pair is left, this is the greedy matching by rank.
WITH nearest AS (
    SELECT rank, pass, polled_track_id, polled_played_at, exported_track_id, exported_played_at, ms_played,
           min(rank) OVER (PARTITION BY polled_track_id, polled_played_at) AS nearest_exported,
           min(rank) OVER (PARTITION BY exported_track_id, exported_played_at) AS nearest_polled
    FROM candidate_pairs
), matched AS (
    INSERT INTO matched_plays
        (by_minute, polled_track_id, polled_played_at, exported_track_id, exported_played_at, ms_played)
    SELECT pass = 3, polled_track_id, polled_played_at, exported_track_id, exported_played_at, ms_played
    FROM nearest
    WHERE rank = nearest_exported AND rank = nearest_polled
    RETURNING polled_track_id, polled_played_at, exported_track_id, exported_played_at
)
DELETE FROM candidate_pairs AS pair
USING matched AS m
WHERE (pair.polled_track_id, pair.polled_played_at) = (m.polled_track_id, m.polled_played_at)
   OR (pair.exported_track_id, pair.exported_played_at) = (m.exported_track_id, m.exported_played_at)
