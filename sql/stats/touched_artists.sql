-- One row per artist of a changed track.
INSERT INTO touched_artists (user_id, artist_id)
SELECT DISTINCT %(user_id)s::bigint, credit.artist_id
FROM changed_tracks
JOIN track_artists AS credit USING (track_id)
