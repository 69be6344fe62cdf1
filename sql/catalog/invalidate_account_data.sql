-- One row per user-month that account data of merged tracks reaches: other sources may have the same plays.
WITH changes AS (
    SELECT p.user_id, p.played_at AS starts_at, p.played_at AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM merged_tracks AS m
    JOIN export_track_links AS link ON link.track_id IN (m.track_id, m.into_id)
    JOIN export_tracks AS names ON names.id = link.export_track_id AND names.spotify_id IS NULL
    JOIN imported_plays AS p ON p.context_id IS NULL AND p.export_track_id = link.export_track_id
)
{user_months/invalidate_reached}
