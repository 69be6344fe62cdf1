-- One row per polled play that is restored. If it was polled again meanwhile, its length and context may be known by
-- now.
INSERT INTO polled_plays AS known (user_id, played_at, spotify_id, duration_ms, polled_at, context_type, context_uri)
SELECT user_id, played_at, spotify_id, duration_ms, polled_at, context_type, context_uri
FROM returning_polled_plays
ORDER BY played_at
ON CONFLICT (user_id, played_at, spotify_id)
DO UPDATE SET duration_ms = coalesce(excluded.duration_ms, known.duration_ms), polled_at = excluded.polled_at,
              context_type = coalesce(excluded.context_type, known.context_type),
              context_uri = coalesce(excluded.context_uri, known.context_uri)
