-- touched_songs: one row per user and song of several tracks, of a track that changed or, in a recount, of any track of
-- the months.
INSERT INTO touched_songs (user_id, song_id)
SELECT DISTINCT touched.user_id, t.song_id
FROM (SELECT user_id, track_id FROM changed_tracks
      UNION
      SELECT user_id, track_id FROM user_track_months
      WHERE %(recount)s AND user_id = ANY (%(user_ids)s) AND month = ANY (%(months)s)) AS touched
JOIN tracks AS t ON t.id = touched.track_id
WHERE EXISTS (SELECT FROM tracks AS other WHERE other.song_id = t.song_id AND other.id <> t.id)
