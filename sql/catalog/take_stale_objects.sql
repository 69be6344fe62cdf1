-- One row per payload that changed since the catalog last looked, into stale_objects. Payloads that land meanwhile keep their marks.
WITH taken AS (DELETE FROM stale_spotify_objects RETURNING object_type, spotify_id)
INSERT INTO stale_objects
SELECT DISTINCT object_type, spotify_id FROM taken
