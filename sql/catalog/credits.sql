-- One credit per new track whose artist is named.
INSERT INTO track_artists (track_id, artist_id)
SELECT c.track_id, c.artist_id
FROM new_tracks
JOIN current_names AS c USING (track_id)
WHERE c.artist_id IS NOT NULL
