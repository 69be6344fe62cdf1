-- One row per event of a plain month, for the month's partition.
INSERT INTO {partition} (id, user_id, track_id, played_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT nextval('listening_events_id_seq'), %(user_id)s, track_id, played_at, ms_played, 'IMPORT', false,
       ms_played < %(skip_below_ms)s, context_id
FROM (SELECT track_id, played_at, ms_played, context_id
      FROM plain_events
      WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
      ORDER BY played_at, track_id) AS ordered
