-- One row: what a user's finished imports read, and how many distinct rows of it do not count, by reason. Rows that are
-- too short have landed, each once. Of those that could not be read, nothing is kept but their number in each file: the
-- files of several downloads repeat them, so the largest number counts.
SELECT count(*) AS files, coalesce(sum(total_rows), 0)::bigint AS rows,
       coalesce(sum(duplicate_rows), 0)::bigint AS duplicate_rows,
       coalesce((SELECT jsonb_object_agg(reason, rows)
                 FROM (SELECT reason, max(rows::bigint) AS rows
                       FROM import_jobs CROSS JOIN jsonb_each_text(rejected) AS rejections (reason, rows)
                       WHERE user_id = %(user_id)s AND status = 'COMPLETED' AND reason <> 'too_short'
                       GROUP BY reason
                       UNION ALL
                       SELECT 'too_short', count(*)
                       FROM imported_plays AS p
                       WHERE p.user_id = %(user_id)s AND p.ms_played < %(min_play_ms)s) AS reasons
                 WHERE rows > 0), '{}') AS rejected
FROM import_jobs
WHERE user_id = %(user_id)s AND status = 'COMPLETED'
