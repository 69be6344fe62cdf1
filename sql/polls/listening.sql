-- One row per linked user, or one row for one user: the recent listening that polls showed.
SELECT auth.user_id, state.last_played_at, state.seconds_per_play,
       (SELECT max(gap.found_at) FROM possible_gaps AS gap WHERE gap.user_id = auth.user_id) AS last_gap_at
FROM spotify_auth AS auth
LEFT JOIN poll_states AS state ON state.user_id = auth.user_id
WHERE auth.is_valid AND (%(user_id)s::bigint IS NULL OR auth.user_id = %(user_id)s)
