-- One row: the import job under which a user's plays land that a program submits. There is one per user and program,
-- and a new one after it was undone, so that what is submitted from then on counts.
INSERT INTO import_jobs (user_id, file_name, sha256, status, started_at, completed_at, total_rows, reader)
SELECT %(user_id)s, %(name)s,
       encode(sha256(convert_to('submitted by ' || %(client)s::text || ' ' || count(*), 'UTF8')), 'hex'),
       'COMPLETED', now(), now(), 0, %(reader)s
FROM undone_imports AS undone
JOIN import_jobs AS before ON before.id = undone.job_id AND before.user_id = undone.user_id
WHERE undone.user_id = %(user_id)s AND before.file_name = %(name)s
ON CONFLICT (user_id, sha256) WHERE status <> 'FAILED' DO UPDATE SET completed_at = now(), reader = excluded.reader
RETURNING id
