-- One row per month of which the upload tells rows that had landed before: the hashes of all of its rows of the month,
-- and of those that the same job landed before, as jobs of programs do that submit plays.
INSERT INTO import_job_duplicates AS known (user_id, job_id, month, play_hashes)
SELECT %(user_id)s, %(job_id)s, month,
       array_agg(imported_play_hash(played_at, export_track_id::integer, ms_played, stopped_at))
FROM arriving_plays
WHERE month = ANY (%(months)s)
GROUP BY month
ON CONFLICT (user_id, job_id, month) DO UPDATE
SET play_hashes = (SELECT array_agg(DISTINCT play_hash)
                   FROM unnest(known.play_hashes || excluded.play_hashes) AS play_hash)
