-- month_events: one row per event of the plain slices, from extended rows as in events/desired.
INSERT INTO month_events (user_id, track_id, played_at, ms_played, source, is_estimated)
SELECT p.user_id, link.track_id, p.played_at, max(p.ms_played), 'IMPORT', false
FROM imported_plays AS p
JOIN month_slices USING (user_id)
JOIN export_track_links AS link USING (export_track_id)
WHERE p.context_id IS NOT NULL
  AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
  AND p.ms_played >= %(min_play_ms)s
GROUP BY p.user_id, link.track_id, p.played_at
