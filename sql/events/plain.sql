-- One row per event of plain user-months, which have only extended rows. Of most tracks no two rows can be one play:
-- none begins before the one before it has ended, or ends less than half its length after. Each of their rows is an
-- event.
WITH followed AS MATERIALIZED (
    SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id,
           bool_or(played_at - before_at < ms_played * interval '0.5 milliseconds'
                   OR played_at - elapsed_s * interval '1 second' < before_at)
               OVER (PARTITION BY user_id, track_id) AS may_repeat
    FROM (SELECT extended.*, lag(played_at) OVER (PARTITION BY user_id, track_id ORDER BY played_at) AS before_at
          FROM ({events/extended}) AS extended) AS extended
), extended AS ( -- noqa: ST03
    SELECT followed.*, NULL::bigint AS export_track_id FROM followed WHERE may_repeat
), plays AS ( -- noqa: ST03
    SELECT user_id, track_id, played_at, ms_played, 'IMPORT'::source AS source, false AS is_estimated, context_id,
           NULL::integer AS stream_no, NULL::integer AS shown_no, 0 AS exactness
    FROM ({events/streams}) AS streams
)
SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id
FROM ({events/distinct_instants}) AS apart
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
UNION ALL
SELECT user_id, track_id, played_at, ms_played, 'IMPORT', false, context_id
FROM followed
WHERE may_repeat IS NOT TRUE AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
