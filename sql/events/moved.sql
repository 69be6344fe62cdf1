-- One row per event in and around the user-month whose play has another place now than while it was only shown: the
-- event, and its new track, instant and values. An event that another play needs at its old place stays there.
SELECT DISTINCT ON (new_track_id, new_played_at) id, played_at, new_track_id, new_played_at, ms_played, source,
       is_estimated, context_id
FROM (SELECT DISTINCT ON (event.id) event.id, event.played_at, event.created_at, place.is_shown,
             now.track_id AS new_track_id, now.played_at AS new_played_at, now.ms_played, now.source,
             now.is_estimated, now.context_id
      FROM former_places AS place
      JOIN placed_events AS now ON now.stream_no = place.stream_no OR now.shown_no = place.shown_no
      JOIN listening_events AS event ON event.user_id = %(user_id)s AND event.track_id = place.track_id
                                    AND event.played_at = place.played_at
      WHERE event.played_at >= %(near_start)s AND event.played_at < %(near_end)s
        AND now.played_at >= %(near_start)s AND now.played_at < %(near_end)s
        AND (place.is_shown OR NOT event.is_estimated)
        AND (event.track_id, event.played_at) <> (now.track_id, now.played_at)
        AND NOT EXISTS (SELECT FROM placed_events AS other
                        WHERE other.track_id = event.track_id AND other.played_at = event.played_at)
        AND NOT EXISTS (SELECT FROM listening_events AS known
                        WHERE known.user_id = %(user_id)s AND known.track_id = now.track_id
                          AND known.played_at = now.played_at
                          AND known.played_at >= %(near_start)s AND known.played_at < %(near_end)s)
      ORDER BY event.id, place.is_shown DESC, now.played_at, now.track_id) AS claimed
ORDER BY new_track_id, new_played_at, is_shown DESC, created_at, id
