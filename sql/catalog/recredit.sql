-- touched_artists: one row per user and artist whose statistics change with the credits of changed_credits.
INSERT INTO touched_artists (user_id, artist_id)
SELECT DISTINCT s.user_id, artist.artist_id
FROM changed_credits AS c
JOIN user_track_stats AS s USING (track_id)
CROSS JOIN LATERAL (
    SELECT known.artist_id FROM track_artists AS known WHERE known.track_id = c.track_id
    UNION
    SELECT latest.artist_id FROM current_credits AS latest WHERE latest.track_id = c.track_id
) AS artist;

DELETE FROM track_artists AS known USING changed_credits AS c WHERE known.track_id = c.track_id;

INSERT INTO track_artists (track_id, artist_id, position)
SELECT latest.track_id, latest.artist_id, latest.position
FROM changed_credits
JOIN current_credits AS latest USING (track_id);
