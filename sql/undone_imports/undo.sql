-- One row per month and day on which offline plays were uploaded: what only undone imports tell leaves imported_plays.
WITH still_landed AS MATERIALIZED (
    {undone_imports/still_landed}
), undone AS (
    DELETE FROM imported_plays AS play
    WHERE play.user_id = %(user_id)s
      AND play.job_id IN (SELECT job_id FROM undone_imports WHERE user_id = %(user_id)s)
      AND NOT EXISTS (SELECT FROM still_landed
                      WHERE still_landed.month = date_trunc('month', play.played_at)::date
                        AND still_landed.play_hash = imported_play_hash(play.played_at, play.export_track_id,
                                                                      play.ms_played, play.stopped_at))
    RETURNING play.played_at, play.stopped_at, play.export_track_id, play.ms_played, play.context_id, play.elapsed_s,
              play.job_id
), kept AS (
    INSERT INTO undone_plays
        (user_id, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id)
    SELECT %(user_id)s, played_at, stopped_at, export_track_id, ms_played, context_id, elapsed_s, job_id FROM undone
    ORDER BY played_at
)
SELECT date_trunc('month', played_at)::date AS month, date_trunc('day', stopped_at) AS uploaded_on, count(*) AS plays
FROM undone
GROUP BY month, uploaded_on
ORDER BY month, uploaded_on
