-- One row: how many polled plays were new. Marks their slices, and those that an account-data minute reaches across a month's end.
WITH arriving AS (
    SELECT DISTINCT ON (played_at, spotify_id) played_at, spotify_id, duration_ms
    FROM unnest(%(played_at)s::timestamptz[], %(spotify_id)s::text[], %(duration_ms)s::integer[])
        AS play (played_at, spotify_id, duration_ms)
    ORDER BY played_at, spotify_id, duration_ms DESC NULLS LAST
), landed AS (
    INSERT INTO polled_plays (user_id, played_at, spotify_id, duration_ms)
    SELECT %(user_id)s, played_at, spotify_id, duration_ms
    FROM arriving
    ON CONFLICT DO NOTHING
    RETURNING played_at
), marked AS (
    INSERT INTO stale_slices (user_id, month, stage)
    SELECT DISTINCT %(user_id)s::bigint, date_trunc('month', reached.instant)::date, 'EVENTS'::slice_stage
    FROM landed
    CROSS JOIN LATERAL (VALUES
        (landed.played_at),
        (landed.played_at - interval '63 seconds'),
        (landed.played_at + interval '3 seconds')
    ) AS reached (instant)
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM landed
