-- One row: how many polled plays were new. A play whose length was unknown takes it when it is told. Marks their slices and, near a month's end, the neighbours where a play may
-- now be matched otherwise; a mark that is there already is renewed, so that whoever took it for done sees that it is not.
WITH arriving AS (
    SELECT DISTINCT ON (played_at, spotify_id) played_at, spotify_id, duration_ms
    FROM unnest(%(played_at)s::timestamptz[], %(spotify_id)s::text[], %(duration_ms)s::integer[])
        AS play (played_at, spotify_id, duration_ms)
    ORDER BY played_at, spotify_id, duration_ms DESC NULLS LAST
), landed AS (
    INSERT INTO polled_plays (user_id, played_at, spotify_id, duration_ms)
    SELECT %(user_id)s, played_at, spotify_id, duration_ms
    FROM arriving
    ON CONFLICT (user_id, played_at, spotify_id) DO UPDATE SET duration_ms = excluded.duration_ms
        WHERE polled_plays.duration_ms IS NULL AND excluded.duration_ms IS NOT NULL
    RETURNING played_at, spotify_id
), reached AS MATERIALIZED (
    SELECT DISTINCT date_trunc('month', landed.played_at + direction.step)::date AS month, direction.step = interval '0' AS is_own
    FROM landed
    CROSS JOIN (VALUES (-%(match_window)s::interval), (interval '0'), (%(match_window)s)) AS direction (step)
), marked AS (
    INSERT INTO invalidated_user_months (user_id, month, stage)
    SELECT DISTINCT %(user_id)s::bigint, month, 'EVENTS'::derivation_stage
    FROM reached
    WHERE is_own OR has_matchable_plays(%(user_id)s, month)
    ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
)
SELECT count(*)
FROM landed
WHERE NOT EXISTS (SELECT FROM polled_plays AS known -- as they were before this statement
                  WHERE known.user_id = %(user_id)s AND known.played_at = landed.played_at
                    AND known.spotify_id = landed.spotify_id)
