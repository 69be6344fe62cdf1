-- One row per user-month that archived account data of merged tracks reaches.
WITH changes AS (
    SELECT DISTINCT a.user_id, a.month::timestamptz AS starts_at,
           (a.month + interval '1 month')::timestamptz AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM merged_tracks AS m
    JOIN export_track_links AS link ON link.track_id IN (m.track_id, m.into_id)
    JOIN archived_names AS a USING (export_track_id)
)
{user_months/invalidate_reached}
