-- One row per staged event that the user's corrections hide. With only extended rows there are no placed events. A
-- hidden play stays hidden when a better source tells it: it was shown there, or it is of the same song and exactly as
-- long and overlaps what was hidden by more than half, or ended in the very minute that account data gave.
SELECT e.track_id, e.played_at
FROM (SELECT track_id, played_at, ms_played, context_id, stream_no, shown_no FROM placed_events
      UNION ALL
      SELECT track_id, played_at, ms_played, context_id, NULL, NULL
      FROM desired_events
      WHERE NOT EXISTS (SELECT FROM placed_events)) AS e
WHERE e.track_id IN (SELECT hidden.track_id FROM hidden_tracks AS hidden WHERE hidden.user_id = %(user_id)s)
   OR EXISTS (SELECT FROM hidden_periods AS hidden
              WHERE hidden.user_id = %(user_id)s
                AND e.played_at >= hidden.starts_at AND e.played_at < hidden.ends_at)
   OR (e.context_id IN (SELECT id FROM play_contexts WHERE incognito)
       AND EXISTS (SELECT FROM user_settings WHERE user_id = %(user_id)s AND hide_incognito))
   OR EXISTS (SELECT FROM hidden_plays AS hidden
              WHERE hidden.user_id = %(user_id)s
                AND hidden.track_id = e.track_id AND hidden.played_at = e.played_at)
   OR EXISTS (SELECT FROM hidden_plays AS hidden
              JOIN former_places AS place ON place.track_id = hidden.track_id AND place.played_at = hidden.played_at
              WHERE hidden.user_id = %(user_id)s AND place.is_shown
                AND (place.stream_no = e.stream_no OR place.shown_no = e.shown_no))
   OR EXISTS (SELECT FROM hidden_plays AS hidden
              JOIN tracks AS hidden_track ON hidden_track.id = hidden.track_id
              JOIN tracks AS event_track ON event_track.id = e.track_id
              WHERE hidden.user_id = %(user_id)s AND hidden.ms_played = e.ms_played
                AND hidden_track.song_id = event_track.song_id
                AND (2 * greatest(e.played_at - hidden.played_at, hidden.played_at - e.played_at)
                     < e.ms_played * interval '1 millisecond'
                     OR hidden.played_at = date_trunc('minute', e.played_at)))
