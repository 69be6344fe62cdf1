-- One row: how many objects are new or changed. Queues them, and tracks that were relinked, for the catalog.
WITH updates AS (
    SELECT object_type, spotify_id, payload, is_full, is_gone
    FROM unnest(%(object_type)s::text[], %(spotify_id)s::text[], %(payload)s::jsonb[], %(is_full)s::boolean[],
                %(is_gone)s::boolean[]) AS object (object_type, spotify_id, payload, is_full, is_gone)
    ORDER BY object_type, spotify_id
), landed AS (
    INSERT INTO spotify_objects AS stored (object_type, spotify_id, payload, is_full, is_gone)
    SELECT object_type, spotify_id, payload, is_full, is_gone FROM updates
    ON CONFLICT (object_type, spotify_id) DO UPDATE
    SET payload = merged_payload(stored.payload, stored.is_full, excluded.payload, excluded.is_full),
        is_full = stored.is_full OR excluded.is_full,
        is_gone = excluded.is_gone OR (stored.is_gone AND NOT excluded.is_full),
        fetched_at = now()
    WHERE (stored.payload, stored.is_full, stored.is_gone) IS DISTINCT FROM
          (merged_payload(stored.payload, stored.is_full, excluded.payload, excluded.is_full),
           stored.is_full OR excluded.is_full, excluded.is_gone OR (stored.is_gone AND NOT excluded.is_full))
    RETURNING object_type, spotify_id
), relinked AS (
    INSERT INTO track_relinks (asked_id, returned_id)
    SELECT asked_id, returned_id
    FROM unnest(%(asked_id)s::text[], %(returned_id)s::text[]) AS relink (asked_id, returned_id)
    ORDER BY asked_id, returned_id
    ON CONFLICT DO NOTHING
    RETURNING asked_id
), queued AS (
    INSERT INTO pending_spotify_objects (object_type, spotify_id)
    SELECT object_type, spotify_id FROM landed
    UNION
    SELECT 'track', asked_id FROM relinked
)
SELECT count(*) FROM landed
