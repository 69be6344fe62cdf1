-- One row per event of the user-month, for the month's new partition.
INSERT INTO {partition} (id, user_id, track_id, played_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT nextval('listening_events_id_seq'), user_id, track_id, played_at, ms_played, source,
       is_estimated, ms_played < %(skip_below_ms)s, context_id
FROM (SELECT user_id, track_id, played_at, ms_played, source, is_estimated, context_id
      FROM ({events/plain}) AS plain
      ORDER BY played_at, track_id) AS ordered
