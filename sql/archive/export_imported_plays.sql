-- One row per imported play of a month's partition, with the names that the export gives.
SELECT p.user_id, p.played_at, p.stopped_at, p.export_track_id, p.ms_played, p.context_id, p.elapsed_s,
       p.job_id,
       names.spotify_id, names.track_name, names.artist_name, names.album_name
FROM {partition} AS p
LEFT JOIN export_tracks AS names ON names.id = p.export_track_id
ORDER BY p.user_id, p.played_at, p.export_track_id, p.ms_played, p.stopped_at
