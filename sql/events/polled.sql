-- One row per track and instant with polled plays that count, in and around the user-month: the longest of them.
INSERT INTO candidate_polled_plays (track_id, track_key, artist_key, spotify_id, played_at, ms_played)
SELECT DISTINCT ON (t.id, p.played_at) t.id, t.name_key, t.artist_key, p.spotify_id, p.played_at, p.duration_ms
FROM polled_plays AS p
LEFT JOIN track_aliases AS alias ON alias.spotify_id = p.spotify_id
JOIN tracks AS t ON t.id = alias.track_id OR (alias.track_id IS NULL AND t.spotify_id = p.spotify_id)
WHERE p.user_id = %(user_id)s
  AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
  AND p.duration_ms >= %(min_play_ms)s
ORDER BY t.id, p.played_at, p.duration_ms DESC, p.spotify_id COLLATE "C"
