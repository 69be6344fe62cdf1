-- The month aside: one row per event that the slices should have, those that they have with their id and created_at.
INSERT INTO {aside} (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip)
SELECT coalesce(id, nextval('listening_events_id_seq')), user_id, track_id, played_at, coalesce(created_at, now()),
       ms_played, source, is_estimated, ms_played < 30000
FROM (SELECT known.id, d.user_id, d.track_id, d.played_at, known.created_at, d.ms_played, d.source, d.is_estimated
      FROM month_events AS d
      LEFT JOIN ({known}) AS known USING (user_id, track_id, played_at)
      ORDER BY d.user_id, d.played_at, d.track_id) AS events
