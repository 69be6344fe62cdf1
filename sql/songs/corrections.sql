-- corrected_song_keys: what corrections say of the tracks that the catalog has. Tracks of which they say something else
-- than before go into rekeyed_tracks.
WITH wanted AS MATERIALIZED (
    {songs/wanted_corrections}
), removed AS (
    DELETE FROM corrected_song_keys AS old
    WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.track_id = old.track_id AND w.song_key = old.song_key)
    RETURNING track_id
), added AS (
    INSERT INTO corrected_song_keys (track_id, song_key, is_only_key)
    SELECT track_id, song_key, is_only_key FROM wanted
    ON CONFLICT DO NOTHING
    RETURNING track_id
)
INSERT INTO rekeyed_tracks (track_id)
SELECT track_id FROM removed
UNION
SELECT track_id FROM added
ON CONFLICT DO NOTHING
