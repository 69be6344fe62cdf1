-- One row per play of a plain month that is not music.
INSERT INTO episode_events (user_id, played_at, export_track_id, ms_played, kind, context_id)
SELECT user_id, played_at, export_track_id, ms_played, kind, context_id
FROM plain_episodes
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
ORDER BY played_at, export_track_id
