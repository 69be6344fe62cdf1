-- pending_objects: one row per payload that changed since the last synchronization. A payload that lands meanwhile
-- stays pending for the next one.
WITH taken AS (DELETE FROM pending_spotify_objects RETURNING object_type, spotify_id)
INSERT INTO pending_objects (object_type, spotify_id)
SELECT DISTINCT object_type, spotify_id FROM taken
