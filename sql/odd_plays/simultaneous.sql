-- One row: of a user's month, the numbers of plays that an import added and of those that others had added, and of
-- pairs of plays of different tracks that ran at the same time for a while: one of each (simultaneous), or two that
-- others had added (simultaneous_before). Only music that was heard online counts, whose time and length are exact, and
-- only from the first to the last play that others had added. An added play that is the same as one before, under
-- another name or id or some seconds later, does not count.
WITH plays AS (
    SELECT p.played_at, p.ms_played * interval '1 millisecond' AS length, t.spotify_id, t.track_key, t.artist_key,
           coalesce(p.job_id = %(job_id)s, FALSE) AS is_added
    FROM imported_plays AS p
    JOIN play_contexts AS c ON c.id = p.context_id
    JOIN export_tracks AS t ON t.id = p.export_track_id
    WHERE p.user_id = %(user_id)s AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
      AND p.ms_played * interval '1 millisecond' >= %(shortest)s AND NOT coalesce(c.offline, FALSE) AND t.kind = 'TRACK'
), beside_same AS (
    SELECT played_at, length, is_added, played_at - length AS started_at,
           min(played_at) FILTER (WHERE NOT is_added) OVER () AS covered_from,
           max(played_at) FILTER (WHERE NOT is_added) OVER () AS covered_to,
           greatest(max(played_at) FILTER (WHERE NOT is_added) OVER id_until,
                    max(played_at) FILTER (WHERE NOT is_added) OVER name_until) AS same_until,
           least(min(played_at) FILTER (WHERE NOT is_added) OVER id_from,
                 min(played_at) FILTER (WHERE NOT is_added) OVER name_from) AS same_from
    FROM plays
    WINDOW id_until AS (PARTITION BY spotify_id ORDER BY played_at),
           id_from AS (PARTITION BY spotify_id ORDER BY played_at DESC),
           name_until AS (PARTITION BY track_key, artist_key ORDER BY played_at),
           name_from AS (PARTITION BY track_key, artist_key ORDER BY played_at DESC)
), compared AS (
    SELECT is_added,
           max(played_at) FILTER (WHERE is_added) OVER earlier >= started_at + %(shortest)s AS during_added,
           max(played_at) FILTER (WHERE NOT is_added) OVER earlier >= started_at + %(shortest)s AS during_known
    FROM beside_same
    WHERE NOT is_added
       OR (played_at BETWEEN covered_from AND covered_to
           AND coalesce(played_at - same_until >= length, TRUE) AND coalesce(same_from - played_at >= length, TRUE))
    WINDOW earlier AS (ORDER BY started_at, played_at, is_added ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT count(*) FILTER (WHERE is_added) AS added,
       count(*) FILTER (WHERE NOT is_added) AS known_before,
       count(*) FILTER (WHERE CASE WHEN is_added THEN during_known ELSE during_added END) AS simultaneous,
       count(*) FILTER (WHERE NOT is_added AND during_known) AS simultaneous_before
FROM compared
