-- One row per import job of the user who goes and month: of plays that exports of the user who stays tell, too, it is
-- kept that the job tells them.
INSERT INTO import_job_duplicates AS known_hashes (user_id, job_id, month, play_hashes)
SELECT %(kept)s, coalesce(job.kept_id, play.job_id) AS job_id, date_trunc('month', play.played_at)::date AS month,
       array_agg(imported_play_hash(play.played_at, play.export_track_id, play.ms_played, play.stopped_at))
FROM imported_plays AS play
JOIN imported_plays AS known ON known.played_at = play.played_at AND known.export_track_id = play.export_track_id
                            AND known.ms_played IS NOT DISTINCT FROM play.ms_played
                            AND known.stopped_at IS NOT DISTINCT FROM play.stopped_at
LEFT JOIN unnest(%(gone_jobs)s::integer[], %(kept_jobs)s::integer[]) AS job (gone_id, kept_id)
       ON job.gone_id = play.job_id
WHERE play.user_id = %(gone)s AND play.played_at >= %(starts_at)s AND play.played_at < %(ends_at)s
  AND known.user_id = %(kept)s AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s
  AND play.job_id IS NOT NULL
GROUP BY coalesce(job.kept_id, play.job_id), date_trunc('month', play.played_at)
ON CONFLICT (user_id, job_id, month) DO UPDATE SET play_hashes = known_hashes.play_hashes || excluded.play_hashes
