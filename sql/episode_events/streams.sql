-- One row per play that is not music and that the extended history tells. The statement around this one has its rows: a
-- relation named told, with the content as track_id, as events/streams reads it.
WITH kept AS MATERIALIZED ( -- once, and not for each row of told
    {events/streams}
)
SELECT t.user_id, t.played_at, t.export_track_id, t.ms_played, t.kind, t.context_id
FROM kept
JOIN told AS t ON t.user_id = kept.user_id AND t.track_id = kept.track_id AND t.played_at = kept.played_at
              AND t.ms_played = kept.ms_played AND t.stopped_at = kept.stopped_at
