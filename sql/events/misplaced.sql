-- One row: whether any event in and around the user-month has a place that no play has now.
SELECT EXISTS (SELECT track_id, played_at
               FROM listening_events
               WHERE user_id = %(user_id)s AND played_at >= %(near_start)s AND played_at < %(near_end)s
               EXCEPT
               SELECT track_id, played_at FROM placed_events) AS is_misplaced
