-- One row per track that shares a key with one of a lesser label: it takes that label. Repeated until there is none,
-- the tracks of equal label are those of one song.
UPDATE song_members AS m
SET label = least.label
FROM (SELECT k.track_id, min(shared.label) AS label
      FROM member_keys AS k
      JOIN (SELECT song_key, min(label) AS label
            FROM member_keys
            JOIN song_members USING (track_id)
            GROUP BY song_key) AS shared USING (song_key)
      GROUP BY k.track_id) AS least
WHERE m.track_id = least.track_id AND least.label < m.label
