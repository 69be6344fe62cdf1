-- One row per further Spotify id of a track that the user's rows refer to.
SELECT alias.spotify_id, alias.track_id
FROM track_aliases AS alias
JOIN personal_tracks USING (track_id)
ORDER BY alias.spotify_id
