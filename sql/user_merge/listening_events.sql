-- One row per event of the month that moves, with its id and created_at, unless the user who stays has the same one.
UPDATE listening_events AS event
SET user_id = %(kept)s
WHERE event.user_id = %(gone)s AND event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = %(kept)s AND known.track_id = event.track_id
                    AND known.played_at = event.played_at
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s)
