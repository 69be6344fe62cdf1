-- hidden_before: one row per user and track that a correction hides, before names and payloads are taken in.
CREATE TEMPORARY TABLE hidden_before ON COMMIT DROP AS
SELECT DISTINCT user_id, track_id FROM hidden_tracks
