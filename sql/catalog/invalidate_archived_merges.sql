-- One row per user-month and stage that archived events of merged tracks reach.
WITH changes AS (
    SELECT DISTINCT a.user_id, a.month::timestamptz AS starts_at,
           (a.month + interval '1 month')::timestamptz AS ends_at, stage
    FROM merged_tracks
    JOIN user_track_stats AS s USING (track_id)
    JOIN archived_user_months AS a ON a.user_id = s.user_id
    JOIN user_track_months AS c ON c.user_id = a.user_id AND c.month = a.month AND c.track_id = s.track_id
    CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
)
{user_months/invalidate_reached}
