-- One row per user-month and stage that restored events reach whose track was merged or removed while they were
-- archived.
WITH changes AS (
    SELECT DISTINCT e.user_id, %(month)s::timestamptz AS starts_at,
           %(month)s::timestamptz + interval '1 month' AS ends_at, stage
    FROM returning_listening_events AS e
    LEFT JOIN tracks AS t ON t.id = e.track_id
    CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
    WHERE t.id IS NULL OR t.merged_into IS NOT NULL
)
{user_months/invalidate_reached}
