-- moved_events: one row per event of a polled play that an extended row places at another instant, where no event is
-- yet.
INSERT INTO moved_events (id, played_at)
SELECT event.id, d.played_at
FROM month_events AS d
JOIN listening_events AS event ON event.user_id = d.user_id AND event.track_id = d.track_id
                              AND event.played_at = d.was_played_at
WHERE d.was_played_at IS NOT NULL
  AND event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = d.user_id AND known.track_id = d.track_id AND known.played_at = d.played_at
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s)
