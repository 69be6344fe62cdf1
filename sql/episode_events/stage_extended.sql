-- extended_episodes: one row per play that is not music and that the extended history tells.
INSERT INTO extended_episodes
    (row_no, user_id, content_id, names_key, kind, export_track_id, played_at, ms_played, stopped_at, elapsed_s,
     context_id, names)
SELECT row_number() OVER (), user_id, content_id, names_key, kind, export_track_id, played_at, ms_played, stopped_at,
       elapsed_s, context_id, names
FROM ({episode_events/extended}) AS extended
