-- One row per user and bucket that is new or has changed.
INSERT INTO user_time_bucket_stats AS old (user_id, bucket_type, bucket_date, play_count, total_ms, unique_tracks)
SELECT user_id, bucket_type, bucket_date, play_count, total_ms, unique_tracks
FROM fresh_buckets
ON CONFLICT (user_id, bucket_type, bucket_date) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms, unique_tracks = excluded.unique_tracks
WHERE (old.play_count, old.total_ms, old.unique_tracks)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.unique_tracks)
