-- desired_episodes: one row per play that is not music and that plain user-months should have.
INSERT INTO desired_episodes (user_id, played_at, export_track_id, ms_played, kind, context_id)
SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
FROM ({episode_events/plain}) AS plain
