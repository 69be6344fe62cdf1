-- One row per import job of the two users that is not done.
SELECT id FROM import_jobs WHERE user_id = ANY (%(user_ids)s) AND status IN ('PENDING', 'PROCESSING') ORDER BY id
