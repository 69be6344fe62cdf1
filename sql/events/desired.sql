-- One row per event that the user-month should have: extended rows, and the account-data plays and polled plays for
-- which no better source has the same play.
SELECT link.track_id, p.played_at, max(p.ms_played) AS ms_played, 'IMPORT'::source AS source, false AS is_estimated
FROM imported_plays AS p
JOIN export_track_links AS link USING (export_track_id)
WHERE p.user_id = %(user_id)s AND p.context_id IS NOT NULL
  AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
  AND p.ms_played >= %(min_play_ms)s
GROUP BY link.track_id, p.played_at
UNION ALL
SELECT a.track_id, a.played_at, a.ms_played, 'IMPORT', false
FROM surviving_account_plays AS a
WHERE a.played_at >= %(starts_at)s AND a.played_at < %(ends_at)s
  AND NOT EXISTS (SELECT FROM matched_plays AS m
                  WHERE m.by_minute AND m.exported_track_id = a.track_id AND m.exported_played_at = a.played_at)
  AND NOT EXISTS (SELECT FROM candidate_polled_plays AS p -- whose event has the same identity
                  LEFT JOIN matched_plays AS m ON m.polled_track_id = p.track_id AND m.polled_played_at = p.played_at
                  WHERE p.track_id = a.track_id AND p.played_at = a.played_at AND m.by_minute IS NOT FALSE)
UNION ALL
SELECT p.track_id, p.played_at, coalesce(m.ms_played, p.ms_played),
       CASE WHEN m.by_minute THEN 'IMPORT'::source ELSE 'API'::source END, m.by_minute IS NULL
FROM candidate_polled_plays AS p
LEFT JOIN matched_plays AS m ON m.polled_track_id = p.track_id AND m.polled_played_at = p.played_at
WHERE p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
  AND m.by_minute IS NOT FALSE
