-- One row per track that moves to another song. A song goes on where its least track is; where several go on as one,
-- the least song stays.
CREATE TEMPORARY TABLE derived_songs ON COMMIT DROP AS
SELECT labels.label,
       coalesce(kept.song_id, nextval(pg_get_serial_sequence('songs', 'id'))) AS song_id
FROM (SELECT DISTINCT label FROM song_members ORDER BY label) AS labels
LEFT JOIN (SELECT label, min(old_song_id) AS song_id
           FROM (SELECT DISTINCT ON (old_song_id) old_song_id, label
                 FROM song_members
                 ORDER BY old_song_id, track_id) AS heirs
           GROUP BY label) AS kept USING (label);

INSERT INTO songs (id) SELECT song_id FROM derived_songs ORDER BY song_id ON CONFLICT DO NOTHING;

UPDATE song_members AS m SET song_id = d.song_id FROM derived_songs AS d WHERE d.label = m.label;

-- moved_tracks: one row per track that moves, those included that are merged into such a track.
CREATE TEMPORARY TABLE moved_tracks ON COMMIT DROP AS
SELECT track_id, old_song_id, song_id
FROM song_members
WHERE song_id <> old_song_id
UNION ALL
SELECT t.id, t.song_id, m.song_id
FROM song_members AS m
JOIN tracks AS t ON t.merged_into = m.track_id
WHERE t.song_id <> m.song_id;

UPDATE tracks AS t SET song_id = m.song_id FROM moved_tracks AS m WHERE t.id = m.track_id;

INSERT INTO renamed_songs (song_id) SELECT DISTINCT song_id FROM song_members ON CONFLICT DO NOTHING;
