-- One row per import job and outcome: how many of the rows that the job landed came to that, as the warehouse is now.
-- Rows of archived months are left out. An event is known by the second of its end, a submitted one by that of its
-- start; a play that account data told before by its minute and song, or its minute and length. date_bin cuts instants
-- as date_trunc does, without looking into the time zone for each.
WITH jobs AS (
    SELECT id, user_id, created_at FROM import_jobs WHERE id = ANY (%(job_ids)s)
), landed AS (
    SELECT p.job_id, p.user_id, p.played_at,
           date_bin('1 minute', coalesce(p.stopped_at, p.played_at), 'epoch') AS minute,
           p.ms_played, p.context_id, link.track_id, e.kind, jobs.created_at,
           CASE WHEN p.context_id IS NOT NULL OR p.elapsed_s IS NULL THEN 'IMPORT'
                WHEN p.elapsed_s < 0 THEN 'API' ELSE 'SUBMISSION' END::source AS source,
           date_bin('1 second', CASE WHEN p.context_id IS NULL AND p.elapsed_s > 0
                                     THEN p.played_at - p.elapsed_s * interval '1 second'
                                     ELSE p.played_at END, 'epoch') AS known_at
    FROM jobs
    JOIN imported_plays AS p ON p.user_id = jobs.user_id AND p.job_id = jobs.id
    JOIN export_tracks AS e ON e.id = p.export_track_id
    LEFT JOIN export_track_links AS link ON link.export_track_id = p.export_track_id
    WHERE p.user_id = ANY (%(user_ids)s) AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
), events AS (
    SELECT user_id, track_id, ms_played, created_at, source,
           date_bin('1 second', CASE source WHEN 'SUBMISSION' THEN played_at - ms_played * interval '1 millisecond'
                                            ELSE played_at END, 'epoch') AS known_at
    FROM listening_events
    WHERE user_id = ANY (%(user_ids)s) AND played_at >= %(near_start)s AND played_at < %(near_end)s
), by_account AS MATERIALIZED (
    SELECT link.track_id, p.played_at AS minute, p.ms_played
    FROM imported_plays AS p
    JOIN export_track_links AS link ON link.export_track_id = p.export_track_id
    LEFT JOIN import_jobs AS earlier ON earlier.id = p.job_id
    WHERE p.user_id = ANY (%(user_ids)s) AND p.context_id IS NULL AND p.elapsed_s IS NULL
      AND p.ms_played >= %(min_play_ms)s AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
      AND coalesce(earlier.completed_at, '-infinity') < (SELECT min(created_at) FROM jobs)
), minutes_of_songs AS (
    SELECT DISTINCT recording.id AS track_id, minute
    FROM by_account
    JOIN tracks ON tracks.id = by_account.track_id
    JOIN tracks AS recording ON recording.song_id = tracks.song_id
), minutes_of_lengths AS (
    SELECT DISTINCT minute, ms_played FROM by_account
)
SELECT landed.job_id,
       CASE WHEN landed.ms_played < %(min_play_ms)s THEN 'too_short'
            WHEN landed.kind <> 'TRACK' THEN lower(landed.kind::text)
            WHEN events.created_at < landed.created_at AND landed.source <> 'IMPORT' THEN 'known_otherwise'
            WHEN events.created_at < landed.created_at
                 AND EXISTS (SELECT FROM imported_plays AS earlier
                             JOIN export_track_links AS link ON link.export_track_id = earlier.export_track_id
                             WHERE earlier.user_id = landed.user_id AND link.track_id = landed.track_id
                               AND earlier.played_at >= date_trunc('second', landed.played_at)
                               AND earlier.played_at < date_trunc('second', landed.played_at) + interval '1 second'
                               AND earlier.ms_played = landed.ms_played
                               AND coalesce(earlier.job_id, 0) < landed.job_id
                               AND (earlier.context_id IS NOT NULL OR landed.context_id IS NULL)) THEN 'same_play'
            WHEN events.created_at < landed.created_at THEN 'known_less_exactly'
            WHEN events.created_at IS NOT NULL AND landed.context_id IS NOT NULL
                 AND coalesce(of_song.minute, of_length.minute) IS NOT NULL THEN 'known_less_exactly'
            WHEN events.created_at IS NOT NULL THEN 'added'
            WHEN landed.track_id IN (SELECT track_id FROM hidden_tracks WHERE user_id = ANY (%(user_ids)s))
                 OR EXISTS (SELECT FROM play_contexts AS heard
                            JOIN user_settings AS settings ON settings.user_id = landed.user_id
                            WHERE heard.id = landed.context_id AND heard.incognito AND settings.hide_incognito)
                 OR EXISTS (SELECT FROM hidden_periods AS hidden
                            WHERE hidden.user_id = landed.user_id
                              AND landed.played_at >= hidden.starts_at AND landed.played_at < hidden.ends_at)
                 OR EXISTS (SELECT FROM hidden_plays AS hidden
                            WHERE hidden.user_id = landed.user_id AND hidden.track_id = landed.track_id
                              AND hidden.played_at = landed.played_at) THEN 'hidden'
            WHEN landed.source <> 'IMPORT' THEN 'known_otherwise'
            WHEN landed.context_id IS NULL THEN 'replaced'
            ELSE 'same_play'
       END AS outcome,
       count(*) AS row_count
FROM landed
LEFT JOIN events ON events.user_id = landed.user_id AND events.track_id = landed.track_id
                AND events.known_at = landed.known_at AND events.source = landed.source
                AND (events.ms_played = landed.ms_played OR landed.ms_played IS NULL OR landed.source = 'API')
LEFT JOIN minutes_of_songs AS of_song ON of_song.track_id = landed.track_id AND of_song.minute = landed.minute
LEFT JOIN minutes_of_lengths AS of_length
    ON of_length.minute = landed.minute AND of_length.ms_played = landed.ms_played
GROUP BY landed.job_id, outcome
ORDER BY landed.job_id, row_count DESC
