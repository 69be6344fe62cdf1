-- One row: how many polled plays were new. A known play whose length or context was unknown takes what is polled now.
-- Invalidates the user-months that the plays reach.
WITH arriving AS (
    SELECT DISTINCT ON (played_at, spotify_id) played_at, spotify_id, duration_ms, context_type, context_uri
    FROM unnest(%(played_at)s::timestamptz[], %(spotify_id)s::text[], %(duration_ms)s::integer[],
                %(context_type)s::text[], %(context_uri)s::text[])
        AS play (played_at, spotify_id, duration_ms, context_type, context_uri)
    ORDER BY played_at, spotify_id, duration_ms DESC NULLS LAST, context_uri
), landed AS (
    INSERT INTO polled_plays AS known (user_id, played_at, spotify_id, duration_ms, context_type, context_uri)
    SELECT %(user_id)s, played_at, spotify_id, duration_ms, context_type, context_uri
    FROM arriving
    ON CONFLICT (user_id, played_at, spotify_id) DO UPDATE
    SET duration_ms = coalesce(known.duration_ms, excluded.duration_ms),
        context_type = coalesce(known.context_type, excluded.context_type),
        context_uri = coalesce(known.context_uri, excluded.context_uri)
    WHERE (known.duration_ms IS NULL AND excluded.duration_ms IS NOT NULL)
       OR (known.context_uri IS NULL AND excluded.context_uri IS NOT NULL)
    RETURNING played_at, spotify_id
), changes AS (
    SELECT %(user_id)s::bigint AS user_id, played_at AS starts_at, played_at AS ends_at,
           'EVENTS'::derivation_stage AS stage
    FROM landed
), invalidated AS (
    {user_months/invalidate_reached}
)
SELECT count(*)
FROM landed
WHERE NOT EXISTS (SELECT FROM polled_plays AS known -- as they were before this statement
                  WHERE known.user_id = %(user_id)s AND known.played_at = landed.played_at
                    AND known.spotify_id = landed.spotify_id)
