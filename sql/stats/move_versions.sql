-- One row per user: answers that were given before may differ now.
INSERT INTO user_versions AS kept (user_id, version)
SELECT user_id, 1
FROM unnest(%(user_ids)s::bigint[]) AS chosen (user_id)
ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE SET version = kept.version + 1
