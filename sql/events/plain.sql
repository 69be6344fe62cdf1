-- One row per event of plain user-months, which have only extended rows.
WITH told AS ( -- noqa: ST03
    {events/told}
), plays AS ( -- noqa: ST03
    SELECT user_id, track_id, played_at, ms_played, 'IMPORT'::source AS source, false AS is_estimated, context_id,
           NULL::integer AS stream_no, NULL::integer AS shown_no, 0 AS exactness
    FROM ({events/streams}) AS streams
)
SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id
FROM ({events/told_apart}) AS apart
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
