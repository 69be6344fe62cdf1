-- One row per event of the user-month, for the month's new partition.
INSERT INTO {partition} (id, user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)
SELECT nextval('listening_events_id_seq'), %(user_id)s, track_id, played_at, ms_played, source,
       is_estimated, ms_played < %(skip_below_ms)s
FROM ({events/desired}) AS desired
ORDER BY played_at, track_id
