-- One row per staged event that the user's corrections hide.
SELECT e.track_id, e.played_at
FROM desired_events AS e
WHERE e.track_id IN (SELECT hidden.track_id FROM hidden_tracks AS hidden WHERE hidden.user_id = %(user_id)s)
   OR EXISTS (SELECT FROM hidden_periods AS hidden
              WHERE hidden.user_id = %(user_id)s
                AND e.played_at >= hidden.starts_at AND e.played_at < hidden.ends_at)
   OR EXISTS (SELECT FROM hidden_plays AS hidden
              WHERE hidden.user_id = %(user_id)s
                AND hidden.track_id = e.track_id AND hidden.played_at = e.played_at)
