-- placed_events: one row per event in and around the user-month, of all sources.
INSERT INTO placed_events (track_id, played_at, ms_played, source, is_estimated, context_id, stream_no, shown_no)
WITH plays AS ( -- noqa: ST03
    SELECT %(user_id)s::bigint AS user_id, track_id, played_at, ms_played, 'IMPORT'::source AS source,
           false AS is_estimated, context_id, stream_no, NULL::integer AS shown_no, 0 AS exactness
    FROM streams
    UNION ALL
    SELECT %(user_id)s, track_id, played_at, ms_played, 'IMPORT', false, NULL, NULL, NULL, 1
    FROM account_plays
    WHERE NOT is_matched
    UNION ALL
    SELECT %(user_id)s, track_id, played_at, ms_played, source, is_estimated, NULL, NULL, shown_no,
           CASE source WHEN 'SUBMISSION' THEN 3 ELSE 2 END
    FROM shown_events
)
SELECT track_id, played_at, ms_played, source, is_estimated, context_id, stream_no, shown_no
FROM ({events/distinct_instants}) AS apart
