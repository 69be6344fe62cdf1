-- One row per user and export_tracks row of a track of the account data in a month that is about to be archived, and
-- whether a play of it tells no length.
SELECT export_track_id, user_id, bool_or(ms_played IS NULL) AS has_unknown_length
FROM imported_plays
WHERE NOT EXISTS (SELECT FROM export_tracks AS e WHERE e.id = export_track_id AND e.kind <> 'TRACK')
  AND context_id IS NULL AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
GROUP BY export_track_id, user_id
ORDER BY export_track_id, user_id
