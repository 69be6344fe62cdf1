-- One row if the file is new for this user or failed before, none if it has a job already.
INSERT INTO import_jobs (user_id, file_name, sha256, total_bytes)
VALUES (%(user_id)s, %(file_name)s, %(sha256)s, %(total_bytes)s)
ON CONFLICT (user_id, sha256) WHERE status <> 'FAILED' DO NOTHING
