-- One row per event that the user-month should have, for the month's new partition.
INSERT INTO {partition} (id, user_id, track_id, played_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT nextval('listening_events_id_seq'), %(user_id)s, track_id, played_at, ms_played, source, is_estimated,
       ms_played < %(skip_below_ms)s, context_id
FROM (SELECT track_id, played_at, ms_played, source, is_estimated, context_id
      FROM desired_events
      ORDER BY played_at, track_id) AS ordered
