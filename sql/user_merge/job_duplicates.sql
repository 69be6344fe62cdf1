-- One row per import job of the user who goes and month: the hashes of what the job tells move, those of rows that wait
-- because it is undone, too.
INSERT INTO import_job_duplicates AS known (user_id, job_id, month, play_hashes)
SELECT %(kept)s, coalesce(job.kept_id, duplicate.job_id), duplicate.month, array_agg(duplicate.play_hash)
FROM (SELECT job_id, month, unnest(play_hashes) AS play_hash FROM import_job_duplicates WHERE user_id = %(gone)s
      UNION
      SELECT job_id, date_trunc('month', played_at)::date,
             imported_play_hash(played_at, export_track_id, ms_played, stopped_at)
      FROM undone_plays
      WHERE user_id = %(gone)s) AS duplicate
LEFT JOIN unnest(%(gone_jobs)s::integer[], %(kept_jobs)s::integer[]) AS job (gone_id, kept_id)
       ON job.gone_id = duplicate.job_id
GROUP BY coalesce(job.kept_id, duplicate.job_id), duplicate.month
ON CONFLICT (user_id, job_id, month) DO UPDATE SET play_hashes = known.play_hashes || excluded.play_hashes
