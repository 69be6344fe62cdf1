-- One row per event of the user-month that no source has any more.
DELETE FROM listening_events AS event
WHERE event.user_id = %(user_id)s AND event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM desired_events AS d WHERE d.track_id = event.track_id AND d.played_at = event.played_at)
