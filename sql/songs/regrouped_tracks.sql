-- regrouped_tracks: one row per known track and song of which it is or was, where known tracks joined the song or left
-- it. Tracks that this synchronization adds have no events yet.
CREATE TEMPORARY TABLE regrouped_tracks ON COMMIT DROP AS
WITH moved AS (
    SELECT track_id, old_song_id, song_id
    FROM moved_tracks
    WHERE NOT EXISTS (SELECT FROM new_tracks AS n WHERE n.track_id = moved_tracks.track_id)
), changed AS (
    SELECT old_song_id AS song_id FROM moved UNION SELECT song_id FROM moved
)
SELECT t.id AS track_id, t.song_id
FROM changed
JOIN tracks AS t USING (song_id)
WHERE NOT EXISTS (SELECT FROM new_tracks AS n WHERE n.track_id = t.id)
UNION
SELECT track_id, old_song_id FROM moved;

ANALYZE regrouped_tracks;

INSERT INTO renamed_tracks (track_id) SELECT DISTINCT track_id FROM regrouped_tracks ON CONFLICT DO NOTHING;
