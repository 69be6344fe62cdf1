-- touched_albums: one row per user and album of a track that changed or, in a recount, of any track of the months.
-- Tracks without an album have the album 0.
INSERT INTO touched_albums (user_id, album_id)
SELECT DISTINCT user_id, coalesce(tracks.album_id, 0)
FROM (SELECT user_id, track_id FROM changed_tracks
      UNION
      SELECT user_id, track_id FROM user_track_months
      WHERE %(recount)s AND user_id = ANY (%(user_ids)s) AND month = ANY (%(months)s)) AS touched
JOIN tracks ON tracks.id = touched.track_id
