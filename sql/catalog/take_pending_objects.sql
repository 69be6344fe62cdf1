-- One row per payload that changed since the catalog last looked, into pending_objects. Payloads that land meanwhile keep their marks.
WITH taken AS (DELETE FROM pending_spotify_objects RETURNING object_type, spotify_id)
INSERT INTO pending_objects
SELECT DISTINCT object_type, spotify_id FROM taken
