-- streams: one row per play that the extended history tells, of the rows of extended_plays.
INSERT INTO streams
    (stream_no, track_id, song_id, played_at, ms_played, stopped_at, elapsed_s, context_id, before_at)
WITH extended AS ( -- noqa: ST03
    SELECT user_id, track_id, played_at, ms_played, stopped_at, elapsed_s, context_id, NULL::bigint AS export_track_id
    FROM extended_plays
    WHERE track_id IS NOT NULL
)
SELECT row_number() OVER (), track_id, t.song_id, kept.played_at, ms_played, stopped_at, elapsed_s, context_id,
       max(kept.played_at) OVER (ORDER BY kept.played_at
                                 RANGE BETWEEN UNBOUNDED PRECEDING
                                           AND interval '1 microsecond' PRECEDING) -- noqa: CP01
FROM ({events/streams}) AS kept
JOIN tracks AS t ON t.id = kept.track_id
