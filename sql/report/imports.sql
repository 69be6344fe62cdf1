-- One row: what a user's finished imports read, and how many of these rows made no listening event, by reason.
SELECT count(*) AS files, coalesce(sum(total_rows), 0)::bigint AS rows,
       coalesce(sum(duplicate_rows), 0)::bigint AS duplicate_rows,
       coalesce((SELECT jsonb_object_agg(reason, rows)
                 FROM (SELECT reason, sum(rows::bigint) AS rows
                       FROM import_jobs CROSS JOIN jsonb_each_text(rejected) AS rejections (reason, rows)
                       WHERE user_id = %(user_id)s AND status = 'COMPLETED'
                       GROUP BY reason) AS reasons), '{}') AS rejected
FROM import_jobs
WHERE user_id = %(user_id)s AND status = 'COMPLETED'
