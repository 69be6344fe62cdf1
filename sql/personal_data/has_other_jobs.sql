-- One row: whether a user has an import that did not fail.
SELECT EXISTS (SELECT FROM import_jobs WHERE user_id = %s AND status <> 'FAILED')
