-- One row per polled play, in or near a user-month whose events are invalidated, of a track that the catalog lacks.
SELECT p.spotify_id
FROM invalidated_user_months AS s
JOIN polled_plays AS p ON p.user_id = s.user_id
                      AND p.played_at >= s.month::timestamptz - interval '2 days'
                      AND p.played_at < (s.month + interval '1 month')::timestamptz + interval '2 days'
WHERE s.stage = 'EVENTS'
  AND NOT EXISTS (SELECT FROM tracks AS known WHERE known.spotify_id = p.spotify_id)
  AND NOT EXISTS (SELECT FROM track_aliases AS known WHERE known.spotify_id = p.spotify_id)
