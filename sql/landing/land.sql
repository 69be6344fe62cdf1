-- One row per month that gained plays, with their number; months that were filled already are left out.
WITH landed AS (
    INSERT INTO imported_plays (user_id, played_at, stopped_at, export_track_id, ms_played, context_id)
    SELECT %(user_id)s, played_at, stopped_at, export_track_id, ms_played, context_id
    FROM arriving_plays
    WHERE month <> ALL (%(filled)s::date[])
    ON CONFLICT DO NOTHING
    RETURNING played_at
)
SELECT date_trunc('month', played_at)::date AS month, count(*)
FROM landed
GROUP BY 1
