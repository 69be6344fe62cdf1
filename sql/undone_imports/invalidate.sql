-- One row per user-month that gained or lost plays of imports, or is beside one, as plays may have ended there, and per
-- other one in which plays may match differently.
WITH changes AS (
    SELECT %(user_id)s::bigint AS user_id, (month - interval '1 month')::timestamptz AS starts_at,
           (month + interval '2 months')::timestamptz AS ends_at, 'EVENTS'::derivation_stage AS stage
    FROM unnest(%(months)s::date[]) AS month
    UNION ALL
    SELECT %(user_id)s, day, day + interval '1 day', 'EVENTS'
    FROM unnest(%(uploaded_on)s::timestamptz[]) AS day
)
{user_months/invalidate_reached}
