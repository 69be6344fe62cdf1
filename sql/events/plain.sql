-- One row per event of plain user-months, which have only extended rows.
WITH told AS ({events/told}
), plays AS (
    SELECT user_id, track_id, played_at, ms_played, 'IMPORT'::source AS source, false AS is_estimated, context_id,
           NULL::integer AS stream_no, NULL::integer AS shown_no, 0 AS exactness
    FROM ({events/streams}) AS streams
)
SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id
FROM ({events/told_apart}) AS apart
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
