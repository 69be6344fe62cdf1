-- One row per event of a plain user-month no two of whose rows can be one play: each row is an event.
SELECT p.user_id, link.track_id, p.played_at, p.ms_played, 'IMPORT'::source AS source, false AS is_estimated,
       p.context_id
FROM imported_plays AS p
JOIN export_track_links AS link USING (export_track_id)
WHERE p.user_id = %(user_id)s AND p.context_id IS NOT NULL
  AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
  AND p.ms_played >= %(min_play_ms)s
