-- One row: users and their plays by the totals, import jobs that failed since a moment and whose file was not imported
-- otherwise, the database's size.
SELECT (SELECT count(*) FROM users) AS users,
       (SELECT coalesce(sum(total_play_count), 0)::bigint FROM users) AS plays,
       (SELECT max(last_ingested_at) FROM users) AS last_ingested_at,
       (SELECT count(*)
        FROM import_jobs AS job
        WHERE job.status = 'FAILED' AND job.completed_at > %(since)s
          AND NOT EXISTS (SELECT FROM import_jobs AS again
                          WHERE again.user_id = job.user_id AND again.sha256 = job.sha256
                            AND again.status = 'COMPLETED')) AS failed_imports,
       pg_database_size(current_database()) AS database_bytes
