-- At most one row: the earliest play between two instants, and when it ended in local time.
SELECT first.played_at AT TIME ZONE %(timezone)s AS played_at, named.name, named.artist
FROM (SELECT track_id, played_at
      FROM listening_events
      WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
      ORDER BY played_at, track_id
      LIMIT 1) AS first
JOIN named_tracks AS named ON named.id = first.track_id
