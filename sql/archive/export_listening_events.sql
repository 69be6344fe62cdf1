-- One row per event of a month's partition, with the Spotify id and the name of its track.
SELECT e.user_id, e.played_at, e.id, e.track_id, e.created_at, e.ms_played, e.source::text, e.is_estimated, e.is_skip,
       e.context_id,
       t.spotify_id, t.name AS track_name
FROM {partition} AS e
LEFT JOIN tracks AS t ON t.id = e.track_id
ORDER BY e.user_id, e.played_at, e.id
