-- One row per play of the user-months that no source has any more.
DELETE FROM episode_events AS event
WHERE event.user_id = ANY (%(user_ids)s) AND event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM desired_episodes AS d
                  WHERE d.user_id = event.user_id AND d.played_at = event.played_at
                    AND d.export_track_id = event.export_track_id AND d.ms_played = event.ms_played)
