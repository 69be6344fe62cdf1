-- One row: whether rows say that the import landed them first, and whether it tells rows of which that is not known.
SELECT EXISTS (SELECT FROM imported_plays WHERE user_id = %(user_id)s AND job_id = %(job_id)s) AS has_own_rows,
       EXISTS (SELECT FROM (SELECT month, unnest(play_hashes) AS play_hash
                            FROM import_job_duplicates
                            WHERE user_id = %(user_id)s AND job_id = %(job_id)s) AS landed
               JOIN imported_plays AS play
                 ON play.user_id = %(user_id)s AND play.job_id IS NULL
                AND date_trunc('month', play.played_at)::date = landed.month
                AND imported_play_hash(play.played_at, play.export_track_id, play.ms_played, play.stopped_at)
                    = landed.play_hash) AS has_rows_of_older_versions
