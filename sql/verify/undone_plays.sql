-- One row per month in which plays of imports are not where the imports that are undone put them.
WITH still_landed AS MATERIALIZED (
    {undone_imports/still_landed}
), undone AS (
    SELECT job_id FROM undone_imports WHERE user_id = %(user_id)s
), misplaced AS (
    SELECT date_trunc('month', play.played_at)::date AS month, 'only an undone import tells' AS reason
    FROM imported_plays AS play
    WHERE play.user_id = %(user_id)s AND play.job_id IN (SELECT job_id FROM undone)
      AND NOT EXISTS (SELECT FROM still_landed
                      WHERE still_landed.month = date_trunc('month', play.played_at)::date
                        AND still_landed.play_hash = imported_play_hash(play.played_at, play.export_track_id,
                                                                      play.ms_played, play.stopped_at))
    UNION ALL
    SELECT date_trunc('month', play.played_at)::date, 'an import tells that is not undone'
    FROM undone_plays AS play
    WHERE play.user_id = %(user_id)s
      AND (play.job_id NOT IN (SELECT job_id FROM undone)
           OR EXISTS (SELECT FROM still_landed
                      WHERE still_landed.month = date_trunc('month', play.played_at)::date
                        AND still_landed.play_hash = imported_play_hash(play.played_at, play.export_track_id,
                                                                      play.ms_played, play.stopped_at)))
)
SELECT NULL::date, 'in ' || to_char(month, 'YYYY-MM') || ' ' || reason || ' ' || count(*) || ' plays'
FROM misplaced
GROUP BY month, reason
ORDER BY month, reason
