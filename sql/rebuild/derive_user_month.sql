-- month_events: one row per event of a user-month with plays of several sources.
INSERT INTO month_events (user_id, track_id, played_at, ms_played, source, is_estimated, was_played_at)
SELECT %(user_id)s, d.track_id, d.played_at, d.ms_played, d.source, d.is_estimated, m.polled_played_at
FROM ({events/desired}) AS d
LEFT JOIN matched_plays AS m ON NOT m.by_minute AND m.polled_played_at <> m.exported_played_at
                            AND m.exported_track_id = d.track_id AND m.exported_played_at = d.played_at
