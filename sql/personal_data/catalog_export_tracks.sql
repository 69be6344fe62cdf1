-- One row per set of names in the user's imported plays, and the track that they mean.
SELECT e.id AS export_track_id, e.kind, e.spotify_id, e.track_name, e.artist_name, e.album_name, link.track_id
FROM export_tracks AS e
LEFT JOIN export_track_links AS link ON link.export_track_id = e.id
WHERE e.id IN (SELECT export_track_id FROM imported_plays WHERE user_id = %(user_id)s
               UNION ALL SELECT export_track_id FROM returning_imported_plays
               UNION ALL SELECT export_track_id FROM undone_plays WHERE user_id = %(user_id)s)
ORDER BY e.id
