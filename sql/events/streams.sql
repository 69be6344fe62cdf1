-- One row per play of the extended history. The statement around this one has its rows: a relation named extended. Its
-- export_track_id, which may be NULL, only comes back with each row.
-- Of rows of one track, instant and length, the one that tells most of how it was heard counts; of those of one instant
-- the longest, but offline plays that cannot be dated are all different plays. A play cannot overlap itself: of rows of
-- one track and length, a further one that ended less than half that length after the last that was kept, or that began
-- in the same second, is the same stream.
SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id
FROM (
    SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id, may_repeat,
           last_kept_stream(CASE WHEN may_repeat THEN played_at END,
                            coalesce(started_at, played_at + interval '1000 years'), ms_played)
               OVER (PARTITION BY user_id, track_id, ms_played, is_undated ORDER BY played_at
                     ROWS UNBOUNDED PRECEDING) AS kept
    FROM (
        SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id, is_undated,
               started_at,
               bool_or(repeats_the_one_before) OVER (PARTITION BY user_id, track_id, ms_played, is_undated)
                   AS may_repeat
        FROM (
            SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id,
                   is_undated, started_at,
                   NOT is_undated
                   AND (2 * (played_at - lag(played_at) OVER same) < ms_played * interval '1 millisecond'
                        OR (started_at = lag(started_at) OVER same
                            AND played_at - lag(played_at) OVER same < interval '1 day')) AS repeats_the_one_before
            FROM (
                SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, export_track_id,
                       is_undated,
                       CASE WHEN elapsed_s >= 0
                            THEN date_trunc('second', played_at - elapsed_s * interval '1 second') END AS started_at,
                       count(*) FILTER (WHERE NOT is_undated)
                           OVER (PARTITION BY user_id, track_id, played_at ORDER BY ms_played DESC
                                 ROWS UNBOUNDED PRECEDING) AS dated_no
                FROM (
                    SELECT DISTINCT ON (one.user_id, one.track_id, one.played_at, one.ms_played)
                           one.user_id, one.track_id, one.played_at, one.ms_played, one.stopped_at,
                           one.elapsed_s, one.context_id, one.export_track_id,
                           coalesce(one.elapsed_s = -1, false) AS is_undated
                    FROM extended AS one
                    LEFT JOIN play_contexts AS context ON context.id = one.context_id
                    ORDER BY one.user_id, one.track_id, one.played_at, one.ms_played DESC,
                             one.elapsed_s IS NOT DISTINCT FROM -1, one.elapsed_s DESC NULLS LAST,
                             context.fields_given DESC, context.fingerprint, one.stopped_at
                ) AS distinct_rows
            ) AS numbered
            WHERE is_undated OR dated_no = 1
            WINDOW same AS (PARTITION BY user_id, track_id, ms_played, is_undated ORDER BY played_at)
        ) AS compared
    ) AS marked
) AS followed
WHERE may_repeat IS NOT TRUE OR kept[1] = played_at
