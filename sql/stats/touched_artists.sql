-- touched_artists: one row per user and artist of a track that changed or, in a recount, of any track of the months.
INSERT INTO touched_artists (user_id, artist_id)
SELECT DISTINCT user_id, credit.artist_id
FROM (SELECT user_id, track_id FROM changed_tracks
      UNION
      SELECT user_id, track_id FROM user_track_months
      WHERE %(recount)s AND user_id = ANY (%(user_ids)s) AND month = ANY (%(months)s)) AS touched
JOIN track_artists AS credit USING (track_id)
