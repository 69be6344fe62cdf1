-- One row per user and bucket that has no plays any more.
DELETE FROM user_time_bucket_stats AS old
WHERE old.user_id = ANY (%(user_ids)s)
  AND CASE old.bucket_type
      WHEN 'DAY' THEN old.bucket_date BETWEEN %(first_day)s AND %(last_day)s
      WHEN 'WEEK' THEN old.bucket_date BETWEEN %(first_week)s AND %(last_week)s
      WHEN 'MONTH' THEN old.bucket_date BETWEEN %(first_month)s AND %(last_month)s
      END
  AND (old.user_id, old.bucket_type, old.bucket_date)
      NOT IN (SELECT user_id, bucket_type, bucket_date FROM fresh_buckets)
