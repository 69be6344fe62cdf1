-- One row per play of the user that is not music, with names.
SELECT e.played_at, e.kind, named.name, named.show, named.author, e.ms_played, named.spotify_id, e.export_track_id
FROM episode_events AS e
LEFT JOIN named_episodes AS named USING (export_track_id)
WHERE e.user_id = %(user_id)s
ORDER BY e.played_at, e.export_track_id, e.ms_played
