-- One row per user-month that hidden plays of merged tracks reach: they have no events that would be merged.
WITH changes AS (
    SELECT DISTINCT hidden.user_id, hidden.month::timestamptz AS starts_at,
           (hidden.month + interval '1 month')::timestamptz AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM merged_tracks AS m
    JOIN hidden_track_months AS hidden ON hidden.track_id IN (m.track_id, m.into_id)
)
{user_months/invalidate_reached}
