-- One row: whether a user who has imported nothing so far has the time zone in which everybody starts.
SELECT s.timezone = 'UTC'
       AND NOT EXISTS (SELECT FROM import_jobs AS j WHERE j.user_id = s.user_id AND j.status = 'COMPLETED')
FROM user_settings AS s
WHERE s.user_id = %s
