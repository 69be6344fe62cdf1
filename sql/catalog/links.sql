-- One row per export_tracks row that is linked now: the track that it names.
INSERT INTO export_track_links (export_track_id, track_id)
SELECT e.id, coalesce(alias.track_id, by_id.id, by_name.id)
FROM pending_names
JOIN export_tracks AS e ON e.id = pending_names.export_track_id
LEFT JOIN track_searches AS search ON e.spotify_id IS NULL AND search.track_key = e.track_key
                                  AND search.artist_key = e.artist_key
LEFT JOIN track_aliases AS alias ON alias.spotify_id = coalesce(e.spotify_id, search.spotify_id)
LEFT JOIN tracks AS by_id ON by_id.spotify_id = coalesce(e.spotify_id, search.spotify_id)
LEFT JOIN tracks AS by_name ON e.spotify_id IS NULL AND by_name.spotify_id IS NULL AND by_name.merged_into IS NULL
                           AND by_name.name_key = e.track_key AND by_name.artist_key = e.artist_key
ON CONFLICT (export_track_id) DO NOTHING
