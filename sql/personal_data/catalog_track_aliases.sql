-- One row per further Spotify id of such a track.
SELECT alias.spotify_id, alias.track_id
FROM track_aliases AS alias
JOIN personal_tracks USING (track_id)
ORDER BY alias.spotify_id
