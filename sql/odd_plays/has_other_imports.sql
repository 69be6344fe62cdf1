-- One row: whether a user has an import that was completed, other than the one that is going on.
SELECT EXISTS (SELECT FROM import_jobs WHERE user_id = %(user_id)s AND id <> %(job_id)s AND status = 'COMPLETED')
