-- One row per play, the latest first, from events alone.
SELECT e.played_at, named.name, named.artist, e.ms_played
FROM (SELECT track_id, played_at, ms_played
      FROM listening_events
      WHERE user_id = %(user_id)s
      ORDER BY played_at DESC, track_id
      LIMIT 50) AS e
JOIN named_tracks AS named ON named.id = e.track_id
ORDER BY e.played_at DESC, e.track_id
