-- One row per new track and artist credited on it.
INSERT INTO track_artists (track_id, artist_id, position)
SELECT c.track_id, c.artist_id, c.position
FROM new_tracks
JOIN current_credits AS c USING (track_id)
